"""A session is on one node of a cluster, and its client's requests may come to any of them."""

import os
import signal

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.link.events import Answered
from testkit.cluster import start_cluster
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd, NotAnswered
from testkit.link_user import LinkUser, accounts, attribute
from testkit.session_probe import until_ended
from testkit.stanzas import message

_SYNC = "<iq type='get' id='sync' xmlns='jabber:client'><query xmlns='jabber:iq:roster'/></iq>"

# Makes half a minute of a moment: once in that time, links look for requests that nobody answers.
_LOOK_FOR_ORPHANS = """
Alone = fun Alone() -> case nodes() of [] -> ok; _ -> receive after 1 -> Alone() end end end,
Alone(),
Links = [Link || Link <- processes(),
                 {dictionary, Dictionary} <- [process_info(Link, dictionary)],
                 proplists:get_value('$initial_call', Dictionary) =:= {ecm_link, init, 1}],
[Link ! tick || Link <- Links, _ <- lists:seq(1, 30)], length(Links)
"""

_KILL_PROXY = """
Find = fun() -> rpc:call('{node}', erlang, whereis, [ecm_router_proxy]) end,
Killed = Find(),
exit(Killed, kill),
Wait = fun Wait() ->
    case Find() of
        New when is_pid(New), New =/= Killed -> true;
        _ -> timer:sleep(1), Wait()
    end
end,
Wait()
"""


class SessionClusterTests(TestCase):
    timeout = 90
    table = "mnesia"

    async def test_a_session_is_reached_over_another_node(self) -> None:
        here, there = start_cluster(self, sm_db_type=self.table)
        self.here = here.node.name
        self.shell = ErlangShell.start(self, there.node)
        joined = await self.shell.evaluate(f"ejabberd_cluster:join('{self.here}')")
        self.assertEqual(joined, "ok")
        await self.shell.evaluate(accounts("romeo", "juliet", "mercutio"))
        self.near = await EcmEnd.connect(self, here.link_port)
        self.far = await EcmEnd.connect(self, there.link_port)
        self.romeo, self.juliet = LinkUser(self.near, "romeo"), LinkUser(self.far, "juliet")
        for user in (self.romeo, self.juliet):
            await user.log_in()
            await user.ask("<presence xmlns='jabber:client'/>")
        self.romeo.link = self.far
        await self.they_talk()
        await self.its_way_is_mended()
        await self.they_talk()
        await self.it_learns_that_its_client_has_gone()
        await self.one_that_has_ended_is_not_found()
        held = self.romeo.ask()
        await self.juliet.ask(_SYNC)
        await self.arrive()
        os.kill(here.process.pid, signal.SIGKILL)
        await self.its_node_is_missed(held)

    async def they_talk(self) -> None:
        held = self.romeo.ask()
        await self.juliet.ask(message(self.romeo.jid, "hello") + _SYNC)
        self.assertIn(b"<body>hello</body>", (await held).body)
        await self.romeo.ask(message(self.juliet.jid, "well met") + _SYNC)
        self.assertIn(b"<body>well met</body>", (await self.juliet.ask()).body)

    async def its_way_is_mended(self) -> None:
        """The process through which requests arrive is killed, and there is another one."""
        killed = await self.shell.evaluate(_KILL_PROXY.format(node=self.here))
        self.assertEqual(killed, "true")

    async def it_learns_that_its_client_has_gone(self) -> None:
        """A later stanza is not sent to where nobody waits, but to where the client comes back."""
        self.romeo.ask()
        self.romeo.vanish(self.romeo.session.rid)
        await self.juliet.ask(_SYNC)  # on the same link, so that it has passed on what came before
        await self.arrive()
        await self.juliet.ask(message(self.romeo.jid, "still there?") + _SYNC)
        await self.arrive()
        self.romeo.link = self.near
        back = await self.romeo.ask_as(self.romeo.session.rid)
        self.assertIn(b"<body>still there?</body>", back.body)
        self.romeo.link = self.far
        await self.romeo.ask(_SYNC)
        self.assertEqual(self.far.late, [])

    async def one_that_has_ended_is_not_found(self) -> None:
        mercutio = LinkUser(self.near, "mercutio")
        await mercutio.log_in()
        mercutio.link = self.far
        self.assertIn(b"terminate", (await mercutio.ask(type="terminate")).body)
        await self.shell.evaluate(until_ended(mercutio.session.sid.decode()))
        refused = await mercutio.ask()
        self.assertEqual(attribute(refused.body, "condition"), "item-not-found")

    async def arrive(self) -> None:
        """Wait until all that has left for the other node is there, and through its proxy."""
        await self.shell.evaluate(f"rpc:call('{self.here}', sys, get_state, [ecm_router_proxy])")

    async def its_node_is_missed(self, held: Deferred[Answered]) -> None:
        """Requests held on other nodes are dropped; and there is no such session any more."""
        self.assertEqual(await self.shell.evaluate(_LOOK_FOR_ORPHANS), "1")
        with self.assertRaises(NotAnswered):
            await held
        refused = await self.romeo.ask()
        self.assertEqual(attribute(refused.body, "condition"), "item-not-found")
        await self.juliet.ask(_SYNC)


class OurTableTests(SessionClusterTests):
    """The same with the table of sessions that comes with mod_ecm."""

    table = "ecm"
