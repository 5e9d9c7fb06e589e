"""Accounts from a pattern."""

import re
from base64 import b64decode, b64encode

from twisted.trial.unittest import TestCase

from ecm.tools.swarm import bosh
from ecm.tools.swarm.accounts import Accounts, Identities
from ecm.tools.swarm.user import BoshUser
from testkit.samples.swarm_task import TASK

TEXT = re.compile(rb">([^<]+)<")


class AccountTests(TestCase):
    def test_a_number_in_the_name(self) -> None:
        accounts = Accounts("user{}:secret")
        self.assertEqual((accounts.name(7), accounts.password(7)), ("user7", "secret"))

    def test_digits_and_numbers_in_passwords(self) -> None:
        accounts = Accounts("u{06}x:50%d:{03}-{}")
        self.assertEqual(accounts.name(42), "u000042x")
        self.assertEqual(accounts.password(42), "50%d:042-42")

    def test_percent_in_names(self) -> None:
        self.assertEqual(Accounts("a%s{}:x").name(1), "a%s1")

    def test_what_is_no_pattern(self) -> None:
        for pattern in (
            "",
            "user:x",
            "user{}",
            "user{}:",
            "User{}:x",
            "a@b{}:x",
            "u{}:\n",
            "u{}é:x",
        ):
            self.assertRaises(ValueError, Accounts, pattern)


class IdentityTests(TestCase):
    def setUp(self) -> None:
        self.user = BoshUser(5, 1000, 0.0)

    def test_the_jid_that_is_expected_is_not_kept(self) -> None:
        identities = Identities(TASK)
        self.user.jid = b"user5@localhost/swarm"
        identities.remember(self.user)
        self.assertIsNone(self.user.jid)
        self.assertEqual(identities.jid(self.user), b"user5@localhost/swarm")

    def test_another_jid_is_kept(self) -> None:
        for task in (TASK, TASK._replace(accounts=None)):
            identities = Identities(task)
            self.user.jid = b"user5@localhost/other"
            identities.remember(self.user)
            self.assertEqual(identities.jid(self.user), b"user5@localhost/other")

    def test_sasl2(self) -> None:
        task = TASK._replace(login="sasl2")
        login = bosh.login(task, Identities(task))
        begin = login.begin(self.user)
        self.assertIn(b' from="user5@localhost"', begin)
        offered = b"<body sid='s'><features><x xmlns='urn:xmpp:sasl:2'/></features></body>"
        stanzas, _ = login.advance(self.user, offered)
        self.assertIn(b"<initial-response>AHVzZXI1AHNlY3JldA==</initial-response>", stanzas)
        self.assertIn(b"<tag>swarm</tag>", stanzas)

    def test_scram(self) -> None:
        task = TASK._replace(login="scram")
        login = bosh.login(task, Identities(task))
        offered = b"<body sid='s'><features><mechanism>SCRAM-SHA-1</mechanism></features></body>"
        first, _ = login.advance(self.user, offered)
        nonce = b64decode(TEXT.findall(first)[0]).partition(b",r=")[2]
        server = b"r=%b.server,s=c2FsdA==,i=4096" % nonce
        second, _ = login.advance(self.user, b"<challenge>%b</challenge>" % b64encode(server))
        answer = b64decode(TEXT.findall(second)[0])
        self.assertIn(b"mechanism='SCRAM-SHA-1'", first)
        self.assertTrue(second.startswith(b"<response "))
        self.assertTrue(answer.startswith(b"c=biws,r=%b.server,p=" % nonce))
        _, restart = login.advance(self.user, b"<body><success/></body>")
        self.assertIn(b"restart", restart)

    def test_the_mechanism(self) -> None:
        offered = b"<body sid='s'><features><mechanism>%b</mechanism></features></body>"
        for accounts, mechanism in (("user{}:secret", b"PLAIN"), (None, b"ANONYMOUS")):
            task = TASK._replace(accounts=accounts)
            login = bosh.login(task, Identities(task))
            stanzas, _ = login.advance(BoshUser(5, 1000, 0.0), offered % mechanism)
            self.assertIn(b"mechanism='%b'" % mechanism, stanzas)
