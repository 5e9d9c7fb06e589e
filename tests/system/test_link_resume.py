"""A link goes on over another connection: sessions, also those on other nodes, notice nothing."""

from twisted.internet.defer import Deferred

from ecm.link.events import Answered
from testkit.cluster import start_cluster
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.resuming_end import ResumingEnd
from testkit.stanzas import message
from testkit.told_case import TestCase

_SYNC = "<iq type='get' id='sync' xmlns='jabber:client'><query xmlns='jabber:iq:roster'/></iq>"

_KILL_READERS = """
Readers = [Reader || {_, Reader, _, _} <- supervisor:which_children(mod_ecm_sup)],
[exit(Reader, kill) || Reader <- Readers], ok
"""

# Links that resume, and whether their supervisor is where it should be.
_KEPT = """
{ets:info(ecm_link_tokens, size),
 lists:keymember(ecm_link_sup, 1, supervisor:which_children(ejabberd_sup))}
"""


class LinkResumeTests(TestCase):
    timeout = 120

    async def test_nobody_notices_that_a_connection_breaks(self) -> None:
        here, there = start_cluster(self)
        self.shell = ErlangShell.start(self, here.node)
        joined = await self.shell.evaluate(f"ejabberd_cluster:join('{there.node.name}')")
        self.assertEqual(joined, "ok")
        await self.shell.evaluate(accounts("romeo", "juliet"))
        self.link = await ResumingEnd.connect(self, here.link_port)
        self.romeo = LinkUser(self.link, "romeo")
        self.juliet = LinkUser(await EcmEnd.connect(self, there.link_port), "juliet")
        for user in (self.romeo, self.juliet):
            await user.log_in()
            await user.ask("<presence xmlns='jabber:client'/>" + _SYNC)
        self.assertEqual(await self.shell.evaluate(_KEPT), "{1,true}")
        await self.what_comes_meanwhile_is_the_answer()
        await self.what_is_asked_meanwhile_arrives()
        await self.a_killed_reader_is_a_break()
        await self.a_session_of_another_node_answers()
        await self.messages_keep_their_order()
        self.assertEqual(len(set(self.link.tokens)), 1)

    async def what_comes_meanwhile_is_the_answer(self) -> None:
        held = self.romeo.ask()
        await self.link.hang_up()
        await self.juliet.ask(message(self.romeo.jid, "hello") + _SYNC)
        await self.link.resume()
        self.assertIn(b"<body>hello</body>", (await held).body)

    async def what_is_asked_meanwhile_arrives(self) -> None:
        await self.link.hang_up()
        asked = self.romeo.ask(message(self.juliet.jid, "well met") + _SYNC)
        held = self.juliet.ask()
        await self.link.resume()
        await asked
        self.assertIn(b"<body>well met</body>", (await held).body)

    async def a_killed_reader_is_a_break(self) -> None:
        held = self.romeo.ask()
        await self.shell.evaluate(_KILL_READERS)
        await self.link.connection.down
        await self.link.resume()
        await self.juliet.ask(message(self.romeo.jid, "still there?") + _SYNC)
        self.assertIn(b"<body>still there?</body>", (await held).body)

    async def a_session_of_another_node_answers(self) -> None:
        """It knows the writer of the link by its pid, which stays."""
        near, self.juliet.link = self.juliet.link, self.link
        held = self.juliet.ask()
        await self.link.hang_up()
        await self.link.resume()
        await self.romeo.ask(message(self.juliet.jid, "over there") + _SYNC)
        self.assertIn(b"<body>over there</body>", (await held).body)
        self.juliet.link = near

    async def messages_keep_their_order(self) -> None:
        came: list[bytes] = []
        held: Deferred[Answered] = self.romeo.ask()
        for number in range(20):
            if number % 3 == 0:
                await self.link.hang_up()
            await self.juliet.ask(message(self.romeo.jid, f"number {number}") + _SYNC)
            if number % 3 == 0:
                await self.link.resume()
            came.append((await held).body)
            held = self.romeo.ask()
        self.assertEqual(
            [number for number in range(20) if b"<body>number %d</body>" % number in came[number]],
            list(range(20)),
        )
