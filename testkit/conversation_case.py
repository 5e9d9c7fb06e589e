"""Conversations that hold whatever stands in front of ECM: tests inherit them."""

from secrets import token_hex

from twisted.internet.defer import DeferredList, ensureDeferred
from twisted.trial.unittest import TestCase

from ecm.tools.bosh.stanzas import SASL
from testkit.bosh_client import CLIENT, ROSTER, BoshClient, Refused, http_client
from testkit.stack import running_stack
from testkit.stanzas import message, presence

CROWD = 200


class ConversationCase(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.stack = running_stack()
        self.http = http_client(self)

    def client(self) -> BoshClient:
        return BoshClient(self.http, self.stack.bosh, self.stack.domain)

    async def user(self, name: str, mechanism: str = "PLAIN") -> BoshClient:
        """One of the stack's own users, logged in and online."""
        client = self.client()
        await client.create()
        await client.login(name, self.stack.users[name], mechanism)
        client.send("<presence xmlns='jabber:client'/>")
        return client

    async def newcomer(self, name: str, mechanism: str) -> BoshClient:
        """Somebody whom nobody knows yet, logged in and online."""
        client = self.client()
        await client.create()
        await client.register(name, "secret")
        await client.login(name, "secret", mechanism)
        client.send("<presence xmlns='jabber:client'/>")
        return client

    async def test_the_first_answer_has_what_clients_need(self) -> None:
        client = self.client()
        answer = await client.create()
        for attribute in ("sid", "wait", "requests", "ver", "polling", "inactivity", "hold"):
            self.assertIn(attribute, answer.attrib)
        mechanisms = [element.text for element in answer.iter(f"{{{SASL}}}mechanism")]
        self.assertIn("PLAIN", mechanisms)
        self.assertIn("SCRAM-SHA-1", mechanisms)
        await client.terminate()

    async def test_a_wrong_password_is_refused(self) -> None:
        for mechanism in ("PLAIN", "SCRAM-SHA-1"):
            client = self.client()
            await client.create()
            with self.assertRaises(Refused):
                await client.login("alice", "wrong", mechanism)
            await client.terminate()

    async def test_romeo_and_juliet_meet_and_talk(self) -> None:
        montague, capulet = f"romeo-{token_hex(4)}", f"juliet-{token_hex(4)}"
        romeo = await self.newcomer(montague, "PLAIN")
        juliet = await self.newcomer(capulet, "SCRAM-SHA-1")

        # Romeo puts Juliet on his roster and asks to see her; Juliet lets him.
        item = f"<item jid='{capulet}@{self.stack.domain}' name='Juliet'/>"
        await romeo.iq("set", f"<query xmlns='{ROSTER}'>{item}</query>")
        roster = await romeo.iq("get", f"<query xmlns='{ROSTER}'/>")
        [juliet_on_roster] = list(roster.iter(f"{{{ROSTER}}}item"))
        self.assertEqual(juliet_on_roster.get("name"), "Juliet")
        romeo.send(presence("subscribe", capulet, self.stack.domain))
        await juliet.receive(lambda stanza: stanza.get("type") == "subscribe")
        juliet.send(presence("subscribed", montague, self.stack.domain))
        seen = await romeo.receive(lambda stanza: stanza.get("from") == juliet.jid)
        self.assertEqual(seen.tag, f"{{{CLIENT}}}presence")

        # They talk, and each text arrives as it was written.
        texts = ["hi", "<&>\"'", "\U0001f600 \u4e16\u754c", "x" * 50_000, "bye"]
        for text in texts:
            romeo.send(message(juliet.jid, text))
            self.assertEqual(await juliet.message(), (f"{montague}@{self.stack.domain}", text))
            juliet.send(message(romeo.jid, text))
            self.assertEqual(await romeo.message(), (f"{capulet}@{self.stack.domain}", text))

        # Juliet goes, and Romeo sees it.
        await juliet.terminate()
        await romeo.receive(
            lambda stanza: (stanza.get("from"), stanza.get("type")) == (juliet.jid, "unavailable")
        )
        await romeo.terminate()

    async def test_a_session_that_was_ended_is_gone(self) -> None:
        client = await self.user("alice")
        await client.terminate()
        with self.assertRaises(Refused):
            await client.ask()

    async def test_what_is_no_body_ends_nothing_but_itself(self) -> None:
        client = await self.user("alice")
        for nonsense in (b"", b"nonsense", b"<iq/>", b"<body/>", b"\xff\0" * 100):
            response = await self.http.post(self.stack.bosh, data=nonsense)
            self.assertEqual(response.code, 400)
            self.assertIn(b"type='terminate'", await response.content())
        await client.iq("get", f"<query xmlns='{ROSTER}'/>")
        await client.terminate()

    async def test_a_crowd_talks_at_once(self) -> None:
        clients = [self.client() for _ in range(CROWD)]
        await self.all(self.enter(client, number) for number, client in enumerate(clients))
        for client, neighbour in zip(clients, clients[1:] + clients[:1], strict=True):
            for number in range(3):
                client.send(message(neighbour.jid, f"{number} for {neighbour.jid}"))
        for client, neighbour in zip(clients, clients[1:] + clients[:1], strict=True):
            for number in range(3):
                expected = (client.jid.partition("/")[0], f"{number} for {neighbour.jid}")
                self.assertEqual(await neighbour.message(), expected)
        await self.all(client.terminate() for client in clients)

    async def enter(self, client: BoshClient, number: int) -> None:
        name = f"crowd{number}"
        await client.create()
        try:
            await client.register(name, "secret")
        except Refused as refused:
            self.assertIn("conflict", str(refused))  # of an earlier run on this stack
        await client.login(name, "secret", ["PLAIN", "SCRAM-SHA-1"][number % 2])
        client.send("<presence xmlns='jabber:client'/>")

    async def all(self, coroutines: object) -> None:
        """Run all of them side by side; fail where one fails."""
        running = [ensureDeferred(coroutine) for coroutine in coroutines]  # type: ignore
        await DeferredList(running, fireOnOneErrback=True)
