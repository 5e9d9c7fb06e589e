"""A session moves from node to node of a cluster, and nobody notices, its client included."""

from twisted.trial.unittest import TestCase

from testkit.cluster import Member, join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.session_probe import session
from testkit.stanzas import message

_EMPTY = b"<body xmlns='http://jabber.org/protocol/httpbind'/>"
_ONLINE = "<presence xmlns='jabber:client'/>"

_MOVE = "rpc:call(node({session}), ecm_c2s_move, move, [{session}, '{node}'])"

# All nodes know one place of each session that has moved.
_PLACES = """
Rows = fun(Node) -> lists:sort(rpc:call(Node, ets, tab2list, [ecm_c2s_place])) end,
[Places] = lists:usort(lists:map(Rows, ejabberd_cluster:get_nodes())),
length(Places)
"""


class SessionMoveTests(TestCase):
    timeout = 120

    async def test_a_session_is_found_wherever_it_moves(self) -> None:
        """Over the links of any node: those that it has left, that on which it is."""
        members = start_nodes(self, 3)
        self.shell = ErlangShell.start(self, members[0].node)
        await join(self, members)
        await self.shell.evaluate(accounts("romeo", "juliet"))
        self.links = [await EcmEnd.connect(self, member.link_port) for member in members]
        self.romeo, self.juliet = [LinkUser(self.links[0], name) for name in ("romeo", "juliet")]
        for user in (self.romeo, self.juliet):
            await user.log_in()
            await user.ask(_ONLINE)
        self.held = self.romeo.ask()
        for number, place in enumerate([1, 2, 1, 0, 2, 0, 1], 1):
            await self.it_moves(members[place])
            self.romeo.link = self.links[number % 3]
            await self.they_talk(f"hello {number}")
        self.assertEqual(await self.shell.evaluate(_PLACES), "1")

    async def it_moves(self, to: Member) -> None:
        """The request that it holds is answered, and the next one is held there."""
        move = _MOVE.format(session=session(self.romeo.jid), node=to.node.name)
        self.assertEqual(await self.shell.evaluate(move), "ok")
        self.assertEqual((await self.held).body, _EMPTY)
        self.held = self.romeo.ask()

    async def they_talk(self, text: str) -> None:
        juliets = self.juliet.ask(message(self.romeo.jid, text))
        self.assertIn(_body(text), (await self.held).body)
        self.held = self.romeo.ask(message(self.juliet.jid, text))
        self.assertIn(_body(text), (await juliets).body)


def _body(text: str) -> bytes:
    return f"<body>{text}</body>".encode()
