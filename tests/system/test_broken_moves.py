"""Something breaks while a session moves to another node: there is one session afterwards, or its
client is told that there is none."""

import os
import signal
from random import Random

from twisted.internet import reactor
from twisted.internet.task import deferLater

from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT
from testkit.cluster import join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.session_probe import of_all_rows
from testkit.stanzas import message
from testkit.talker import Talker
from testkit.told_case import TestCase

_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# Seconds between two looks.
_LOOK = 0.05

# Begins to move the session of a user, in a process that can be killed; again while it is busy.
_MOVE = of_all_rows("""
[Session] = [element(2, element(2, Row)) || Row <- ROWS,
                                            element(1, element(3, Row)) =:= <<"{user}">>],
Move = fun Move() ->
    case ecm_c2s_move:move(Session, '{node}') of
        {{error, busy}} -> receive after 5 -> Move() end;
        _ -> ok
    end
end,
spawn(fun() -> register(mover, self()), Move() end)
""")

# The nodes that the rows of a user's session name.
_ROWS = of_all_rows("""
[node(element(2, element(2, Row))) || Row <- ROWS,
                                      element(1, element(3, Row)) =:= <<"{user}">>]
""")

# Whether the old process has told the new one to begin, and waits for its word.
_IS_HANDED_OVER = """
process_info(whereis(mover), current_function) =:= {current_function, {ecm_c2s_transfer, ask, 3}}
"""

# Whether a process of a session that has come to this node has ended.
_HAS_ENDED = "[ended || {_, _, _, Due} <- ets:tab2list(ecm_c2s_place_names), Due =/= none]"

_SUSPEND = "sys:suspend(ecm_c2s_place)"
_RESUME = "sys:resume(ecm_c2s_place)"
_KILL = "exit(whereis(mover), kill)"

# A process that is told to begin while its node is lost may have begun, and the session ends.
_UNTIL_LOST = """
Wait = fun Wait() ->
    case lists:member('{node}', nodes()) of true -> receive after 1 -> Wait() end; false -> ok end
end,
Wait()
"""

# No node connects again to one that it has lost. Otherwise the first message would do so, as if the
# network had failed for some milliseconds.
_FOR_GOOD = """
[ok = rpc:call(Node, application, set_env, [kernel, dist_auto_connect, never])
 || Node <- [node() | nodes()]]
"""

# The nodes lose each other. What waits for the other one has been told that when this returns.
_CUT = """
monitor_node('{node}', true),
erlang:disconnect_node('{node}'),
receive {{nodedown, '{node}'}} -> ok end
"""


class BrokenMoveTests(TestCase):
    """Romeo's session moves from the first node to the second one. The third one does not answer,
    so that the move stands still when the table of sessions names the new process already."""

    timeout = 120

    async def start(self) -> None:
        self.members = start_nodes(self, 3, without_options("mod_roster"))
        self.shell = ErlangShell.start(self, self.members[0].node)
        await join(self, self.members)
        self.links = [await EcmEnd.connect(self, member.link_port) for member in self.members]
        await self.shell.evaluate(accounts("romeo", "tybalt"))
        self.romeo = Talker("romeo", self.links[:1], Random(4711))
        self.tybalt = Talker("tybalt", self.links[:1], Random(4711))
        for person in (self.romeo, self.tybalt):
            await person.begin(_ONLINE)
        self.addCleanup(self.fall_silent)

    def fall_silent(self) -> None:
        for person in (self.romeo, self.tybalt):
            person.is_silent = True

    async def begin_to_move(self) -> None:
        """Have it stand still, with a message in the mailbox of the new process."""
        self.there = self.members[1]
        # Nodes that lose one of them may lose each other for a moment.
        self.third = ErlangShell.start(self, self.members[2].node)
        await self.third.evaluate(_SUSPEND)
        await self.shell.evaluate(_MOVE.format(user="romeo", node=self.there.node.name))
        while await self.rows() != f"['{self.there.node.name}']":
            await deferLater(reactor, _LOOK)
        self.tybalt.say(message(self.romeo.jid, "to the new process"))
        self.tybalt.say(message(self.tybalt.jid, "to myself"))
        await self.tybalt.has_got(1)

    async def rows(self) -> str:
        return await self.shell.evaluate(_ROWS.format(user="romeo"))

    async def assert_it_is_here(self) -> None:
        """Only on the first node; and its user gets messages, and is heard."""
        await self.third.evaluate(_RESUME)
        here = f"['{self.members[0].node.name}']"
        while await self.rows() != here:
            await self.look()
        self.tybalt.say(message(self.romeo.jid, "still there?"))
        self.romeo.say(message(self.tybalt.jid, "yes"))
        got = len(self.tybalt.texts)
        while "still there?" not in self.romeo.texts or "yes" not in self.tybalt.texts[got - 1 :]:
            await self.look()
        self.assertEqual(await self.rows(), here)

    async def look(self) -> None:
        """Wait until the next look, unless a client has seen what it must not."""
        self.assertEqual((self.romeo.faults, self.tybalt.faults), ([], []))
        await deferLater(reactor, _LOOK)

    async def test_the_mover_is_killed(self) -> None:
        """The old process gets what the new one has got, once."""
        await self.start()
        await self.begin_to_move()
        await self.shell.evaluate(_KILL)
        await self.romeo.has_got(1)
        await self.assert_it_is_here()
        self.assertEqual(self.romeo.texts, ["to the new process", "still there?"])

    async def test_the_new_node_is_killed(self) -> None:
        await self.start()
        await self.begin_to_move()
        os.kill(self.there.process.pid, signal.SIGKILL)
        await self.shell.evaluate(_UNTIL_LOST.format(node=self.there.node.name))
        await self.assert_it_is_here()

    async def test_the_nodes_lose_each_other(self) -> None:
        """Before the new process is told to begin."""
        await self.start()
        await self.shell.evaluate(_FOR_GOOD)
        await self.begin_to_move()
        await self.shell.evaluate(_CUT.format(node=self.there.node.name))
        await self.assert_it_is_here()

    async def test_the_old_node_is_killed(self) -> None:
        """The client learns that its session has ended."""
        await self.start()
        shell = ErlangShell.start(self, self.members[1].node)
        await self.begin_to_move()
        self.fall_silent()
        os.kill(self.members[0].process.pid, signal.SIGKILL)
        while await shell.evaluate(_HAS_ENDED) != "[ended]":
            await deferLater(reactor, _LOOK)
        self.assertEqual(await shell.evaluate(_ROWS.format(user="romeo")), "[]")
        self.romeo.user.link = self.links[1]
        self.assertIn(b"item-not-found", (await self.romeo.user.ask()).body)

    async def test_nobody_knows_whether_it_has_begun(self) -> None:
        """The nodes lose each other while the new process is told to begin. The client is told."""
        await self.start()
        await self.links[1].hang_up()  # nothing would come over it
        await self.begin_to_move()
        os.kill(self.there.process.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.there.process.pid, signal.SIGCONT)
        while await self.shell.evaluate(_IS_HANDED_OVER) != "true":
            await deferLater(reactor, _LOOK)
        await self.shell.evaluate(_CUT.format(node=self.there.node.name))
        while not self.romeo.faults:
            await deferLater(reactor, _LOOK)
        self.assertIn("type='terminate'", self.romeo.faults[0])
        again = LinkUser(self.links[0], "romeo")
        await again.log_in()
        self.assertEqual(await self.rows(), f"['{self.members[0].node.name}']")
