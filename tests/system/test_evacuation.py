"""``ecm_evacuate`` moves the sessions of a node away while everybody talks, and nobody notices."""

import os
import signal
from random import Random

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT
from testkit.cluster import Member, join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import RESOURCE, accounts
from testkit.session_probe import of_all_rows
from testkit.stanzas import message
from testkit.talker import Talker
from testkit.told_case import TestCase

_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# For a larger crowd by hand; a login takes as long as ten moves.
_USERS = int(os.environ.get("ECM_EVACUATION_USERS", "60"))

# Seconds between two messages of the crowd.
_PAUSE = 0.002

# As ejabberdctl calls it, without its terminal.
_COMMAND = """
rpc:call('{node}', erlang, apply, [fun() ->
    group_leader(whereis(user), self()),
    {{Text, Status}} = ejabberd_ctl:process2({arguments}, []),
    {{Status, unicode:characters_to_binary(Text)}}
end, []])
"""

# As mod_http_api calls it, for one; with the permissions of ejabberdctl.
_STOP_NODE = """
rpc:call('{node}', erlang, spawn, [ejabberd_commands, execute_command2,
                                   [stop, [], #{{caller_module => ejabberd_ctl}}]])
"""

# How many sessions the nodes of the cluster have, each of them.
_SESSIONS = of_all_rows("""
list_to_tuple([length([row || Row <- ROWS,
                              node(element(2, element(2, Row))) =:= Node])
               || Node <- [{nodes}]])
""")

# Goes on when a node has some of the sessions.
_SOME = of_all_rows("""
Some = fun Some() ->
    case [row || Row <- ROWS, node(element(2, element(2, Row))) =:= '{node}'] of
        [_, _, _, _, _ | _] -> ok;
        _ -> receive after 1 -> Some() end
    end
end,
Some(),
""")

# Kills the node that evaluates this, at once: the sessions go on moving, however long a test takes
# to do so.
_KILL = 'os:cmd("kill -KILL " ++ os:getpid())'

# Once ejabberd has forgotten the sessions of other nodes, returns who has one here.
_LEFT = of_all_rows("""
Left = fun Left() ->
    Rows = ROWS,
    case [row || Row <- Rows, node(element(2, element(2, Row))) =/= node()] of
        [] -> [element(1, element(3, Row)) || Row <- Rows];
        _ -> receive after 5 -> Left() end
    end
end,
Left()
""")


# Stops the process of a session of the node that evaluates this: it cannot move until it is let go.
_STOP = """
Me = self(),
Session = ejabberd_sm:get_session_pid(<<"{user}">>, <<"{host}">>, <<"{resource}">>),
spawn(fun() ->
    register(test_stopper, self()),
    Me ! {{stopped, erlang:suspend_process(Session)}},
    receive test_go -> ok end
end),
receive {{stopped, Is}} -> Is end
"""
_GO = "test_stopper ! test_go"


class EvacuationTests(TestCase):
    timeout = 120 + _USERS

    async def start(self, nodes: int) -> None:
        """Have a crowd be online on the first node of a cluster."""
        self.random = Random(4711)
        self.members = start_nodes(self, nodes, without_options("mod_roster", "mod_offline"))
        self.first, self.last = self.members[0], self.members[-1]
        self.shell, self.watch = [ErlangShell.start(self, self.last.node) for _ in range(2)]
        await join(self, self.members)
        self.links = [await EcmEnd.connect(self, member.link_port) for member in self.members]
        names = [f"u{number}" for number in range(_USERS)]
        await self.shell.evaluate(accounts(*names))
        self.people = [Talker(name, self.links, self.random) for name in names]
        for person in self.people:
            await person.begin(_ONLINE)
        self.sent = 0
        self.addCleanup(self.fall_silent)

    def fall_silent(self) -> None:
        for person in self.people:
            person.is_silent = True

    async def control(self, member: Member, *arguments: str) -> tuple[int, str]:
        """Return the status and the text of a command of ejabberdctl."""
        given = "[" + ", ".join(f'"{argument}"' for argument in arguments) + "]"
        command = _COMMAND.format(node=member.node.name, arguments=given)
        status, _, text = (await self.shell.evaluate(command)).strip("{}").partition(",")
        return int(status), text

    async def sessions(self) -> list[int]:
        """Return how many sessions each node has."""
        names = ", ".join(f"'{member.node.name}'" for member in self.members)
        counts = await self.watch.evaluate(_SESSIONS.format(nodes=names))
        return [int(count) for count in counts.strip("{}").split(",")]

    async def round(self) -> None:
        """Each sends a message to the one before."""
        for number, person in enumerate(self.people):
            person.say(message(self.people[number - 1].jid, f"{number} {self.sent}"))
            await deferLater(reactor, _PAUSE)
        self.sent += 1

    async def talk_until(self, done: Deferred[tuple[int, str]]) -> str:
        """Talk while a command works, and a round more. Return its text."""
        while not done.called:
            await self.round()
        await self.round()
        status, text = await done
        self.assertEqual(status, 0)
        return text

    async def assert_all_have_got_all(self, *people: Talker) -> None:
        """Once and in order; and they have seen nothing that they should not."""
        for person in people or self.people:
            sender = (self.people.index(person) + 1) % _USERS
            await person.has_got(self.sent)
            self.assertEqual(person.texts, [f"{sender} {number}" for number in range(self.sent)])
            self.assertEqual(person.faults, [])

    def command(self, member: Member, what: str) -> Deferred[tuple[int, str]]:
        return Deferred.fromCoroutine(self.control(member, "ecm_evacuate", what))

    async def test_nodes_are_emptied_one_after_the_other(self) -> None:
        await self.start(3)
        _, listed = await self.control(self.first, "ecm_evacuate", "list")
        self.assertIn(f"{_USERS} sessions of mod_ecm can move.", listed)
        self.assertIn(f"{self.last.node.name} takes them, and has 0 sessions.", listed)
        text = await self.talk_until(self.command(self.first, "all"))
        self.assertIn(f"This node is empty: {_USERS} sessions have moved", text)
        here, there, elsewhere = await self.sessions()
        self.assertEqual((here, there + elsewhere), (0, _USERS))
        self.assertLessEqual(abs(there - elsewhere), 1)
        await self.assert_all_have_got_all()
        self.assertTrue(self.links[0].is_draining)
        status, text = await self.control(self.last, "ecm_evacuate", self.first.node.name)
        self.assertEqual((status, f"{self.first.node.name} is emptied itself" in text), (1, True))
        await self.it_takes_sessions_again()
        await self.talk_until(self.command(self.last, self.first.node.name))
        self.assertEqual(await self.sessions(), [elsewhere, there, 0])
        await self.talk_until(self.command(self.first, self.members[1].node.name))
        self.assertEqual(await self.sessions(), [0, _USERS, 0])
        await self.assert_all_have_got_all()

    async def it_takes_sessions_again(self) -> None:
        """Those who had a request on its link have got an answer, and are elsewhere."""
        _, text = await self.control(self.first, "ecm_evacuate", "stop")
        self.assertIn("this node takes sessions again", text)
        await self.links[0].down
        self.links[0] = await EcmEnd.connect(self, self.first.link_port)

    async def test_a_node_that_stops_is_emptied_first(self) -> None:
        await self.start(2)
        await self.control(self.first, "stop")
        await self.assert_nobody_notices()

    async def test_a_node_that_is_stopped_over_another_interface_is_emptied_first(self) -> None:
        await self.start(2)
        await self.watch.evaluate(_STOP_NODE.format(node=self.first.node.name))
        await self.assert_nobody_notices()

    async def test_a_node_that_gets_a_signal_is_emptied_first(self) -> None:
        await self.start(2)
        os.kill(self.first.process.pid, signal.SIGTERM)
        await self.assert_nobody_notices()

    async def assert_nobody_notices(self) -> None:
        """The first node ends, while everybody talks."""
        while not self.links[0].down.called:
            await self.round()
        await self.round()
        await self.assert_all_have_got_all()
        self.assertEqual(await self.sessions(), [0, _USERS])

    async def test_it_is_undone(self) -> None:
        """Sessions that have moved stay where they are, and new ones come to both nodes.

        One cannot move, so that it is not over before.
        """
        await self.start(2)
        shell = ErlangShell.start(self, self.first.node)
        stop = _STOP.format(user=self.people[0].user.name, host=DOMAIN, resource=RESOURCE)
        self.assertEqual(await shell.evaluate(stop), "true")
        moving = self.command(self.first, "all")
        await self.watch.evaluate(_SOME.format(node=self.last.node.name) + "ok")
        undo = _COMMAND.format(node=self.first.node.name, arguments='["ecm_evacuate", "stop"]')
        self.assertIn("Stopped", await self.watch.evaluate(undo))
        status, _ = await moving
        self.assertEqual(status, 1)
        while sum(counts := await self.sessions()) != _USERS:
            pass  # for a moment, one that is on its way counts twice
        self.assertGreater(min(counts), 0)
        await shell.evaluate(_GO)
        await self.round()
        await self.round()
        await self.assert_all_have_got_all()
        self.assertFalse(self.links[0].is_draining)

    async def test_the_other_node_is_killed(self) -> None:
        """Its sessions die with it, those that have not moved go on, as those that were moving."""
        await self.start(2)
        shell = ErlangShell.start(self, self.first.node)
        lost = self.links.pop()
        command = _COMMAND.format(node=self.first.node.name, arguments='["ecm_evacuate", "all"]')
        moving = shell.evaluate(command)
        killed = self.watch.evaluate(_SOME.format(node=self.last.node.name) + _KILL)
        self.assertIn("No node is left that takes sessions", await moving)
        with self.assertRaises(AssertionError):
            await killed
        await lost.down
        for person in self.people:
            person.repeat(lost)
        left = await shell.evaluate(_LEFT)
        living = [person for person in self.people if f'<<"{person.user.name}">>' in left]
        self.assertGreater(len(living), _USERS // 3)
        got = [len(person.texts) for person in living]
        for number, person in enumerate(living):
            living[number - 1].say(message(person.jid, "still there?"))
        for before, person in zip(got, living, strict=True):
            await person.has_got(before + 1)
            self.assertEqual(person.faults, [])

    async def test_there_is_nowhere_to_go(self) -> None:
        await self.start(1)
        status, text = await self.control(self.first, "ecm_evacuate", "all")
        self.assertEqual((status, "There is no other node" in text), (1, True))
        status, text = await self.control(self.first, "ecm_evacuate", "a@b,c@d")
        self.assertIn("No other nodes of this cluster: a@b, c@d.", text)
        status, text = await self.control(self.first, "ecm_evacuate", "status")
        self.assertEqual((status, "No sessions are moved." in text), (0, True))
        await self.round()
        await self.assert_all_have_got_all()
