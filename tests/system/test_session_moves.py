"""A session moves from node to node of a cluster, and nobody notices, its client included."""

from random import Random

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import Options, without_options
from testkit.bosh_client import CLIENT, SM
from testkit.cluster import Member, join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser, accounts
from testkit.stanzas import message
from testkit.talker import Talker
from testkit.told_case import TestCase

_EMPTY = b"<body xmlns='http://jabber.org/protocol/httpbind'/>"
_ONLINE = f"<presence xmlns='{CLIENT}'/>"
_ROOM = f"verona@conference.{DOMAIN}"
_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='jabber:iq:roster'/></iq>"

_MODULES = without_options(
    *("mod_adhoc", "mod_blocking", "mod_caps", "mod_carboncopy", "mod_client_state", "mod_disco"),
    *("mod_last", "mod_mam", "mod_muc", "mod_offline", "mod_ping", "mod_privacy", "mod_private"),
    *("mod_push", "mod_push_keepalive", "mod_roster", "mod_vcard"),
) | {"mod_stream_mgmt": {"resend_on_timeout": "if_offline"}}

# The session of a SID goes to another node, from wherever it is.
_MOVE = """
{{ok, First, Nonce}} = ecm_sid:find(ecm_sid_key:get(), <<"{sid}">>),
{{Session, _}} = ecm_c2s_place:find(First, Nonce),
Move = fun Move() ->
    case rpc:call(node(Session), ecm_c2s_move, move, [Session, '{node}']) of
        {{error, busy}} -> receive after 5 -> Move() end;
        Moved -> Moved
    end
end,
Move()
"""

# All nodes know the same place of each session that has moved; returns how many these are.
_PLACES = """
Rows = fun(Node) -> lists:sort(rpc:call(Node, ets, tab2list, [ecm_c2s_place])) end,
[Places] = lists:usort(lists:map(Rows, ejabberd_cluster:get_nodes())),
length(Places)
"""

# Comes to its end when something is stored for a user.
_STORED = """
Wait = fun Wait() ->
    case mod_offline:count_offline_messages(<<"{user}">>, <<"{host}">>) of
        0 -> receive after 5 -> Wait() end;
        _ -> ok
    end
end,
Wait()
"""

# Everybody's contact sees each of these come and go.
_CONTACTS = """
Host = <<"{host}">>,
lists:foreach(fun({{One, Other}}) ->
    ok = mod_admin_extra:add_rosteritem(One, Host, Other, Host, Other, <<>>, <<"both">>)
end, [Pair || User <- [{users}], Pair <- [{{User, <<"{contact}">>}}, {{<<"{contact}">>, User}}]])
"""


class MoveCase(TestCase):
    """A cluster of three nodes."""

    timeout = 120

    async def start(self, modules: Options) -> None:
        self.members = start_nodes(self, 3, modules)
        self.shell = ErlangShell.start(self, self.members[0].node)
        await join(self, self.members)
        self.links = [await EcmEnd.connect(self, member.link_port) for member in self.members]

    async def move(self, user: LinkUser, to: Member) -> None:
        move = _MOVE.format(sid=user.session.sid.decode(), node=to.node.name)
        self.assertEqual(await self.shell.evaluate(move), "ok")


class PlaceTests(MoveCase):
    async def test_a_session_is_found_wherever_it_moves(self) -> None:
        """Over the links of any node: those that it has left, that on which it is."""
        await self.start(without_options("mod_roster"))
        await self.shell.evaluate(accounts("romeo", "juliet"))
        self.romeo, self.juliet = [LinkUser(self.links[0], name) for name in ("romeo", "juliet")]
        for user in (self.romeo, self.juliet):
            await user.log_in()
            await user.ask(_ONLINE)
        self.held = self.romeo.ask()
        for number, place in enumerate([1, 2, 1, 0, 2, 0, 1], 1):
            await self.it_moves(self.members[place])
            self.romeo.link = self.links[number % 3]
            await self.they_talk(f"hello {number}")
        self.assertEqual(await self.shell.evaluate(_PLACES), "1")

    async def it_moves(self, to: Member) -> None:
        """The request that it holds is answered, and the next one is held there."""
        await self.move(self.romeo, to)
        self.assertEqual((await self.held).body, _EMPTY)
        self.held = self.romeo.ask()

    async def they_talk(self, text: str) -> None:
        juliets = self.juliet.ask(message(self.romeo.jid, text))
        self.assertIn(_body(text), (await self.held).body)
        self.held = self.romeo.ask(message(self.juliet.jid, text))
        self.assertIn(_body(text), (await juliets).body)


class KindTests(MoveCase):
    """Sessions of all kinds go round all nodes, and are as before. Tybalt, everybody's contact,
    sees no presence."""

    async def test_sessions_of_all_kinds_move(self) -> None:
        await self.start(_MODULES)
        names = ("romeo", "juliet", "mercutio", "benvolio", "rosaline", "paris", "laurence")
        await self.shell.evaluate(accounts("tybalt", *names))
        users = ", ".join(f'<<"{name}">>' for name in names)
        await self.shell.evaluate(_CONTACTS.format(host=DOMAIN, users=users, contact="tybalt"))
        self.asked = 0
        self.tybalt = Talker("tybalt", self.links[2:], Random(4711))
        await self.tybalt.begin(_ONLINE, _enter("tybalt"))
        for jid in (self.tybalt.jid, f"{_ROOM}/tybalt"):
            await self.tybalt.sees(jid)
        self.kinds = [
            self.a_member_of_a_room,
            self.one_with_carbons,
            self.one_with_a_privacy_list,
            self.one_with_stream_management,
            self.one_in_a_pause,
            self.one_before_the_login,
            self.one_in_the_middle_of_the_login,
            self.one_that_does_not_ask,
        ]
        for kind in self.kinds:
            with self.subTest(kind.__name__):
                await kind()
        self.assertEqual(self.tybalt.faults, [])
        self.tybalt.is_silent = True

    async def come(self, name: str, resource: str = "test") -> LinkUser:
        """Log in on the first node, and be online, as Tybalt has seen."""
        user = LinkUser(self.links[0], name, resource)
        await user.log_in()
        await user.ask(_ONLINE + _SYNC)
        await self.tybalt.sees(user.jid)
        return user

    async def leave(self, user: LinkUser) -> None:
        """End a session, which tells Tybalt after it has answered."""
        await user.ask(type="terminate")
        await self.tybalt.sees(user.jid, "unavailable")

    async def go_round(self, *users: LinkUser) -> None:
        """Move to each node and back, and on; nobody sees presences meanwhile."""
        before = await self.presences()
        for place in (1, 2, 0, 2, 1):
            for user in users:
                await self.move(user, self.members[place])
        self.assertEqual(await self.presences(), before)

    async def presences(self) -> int:
        """Return how many presences Tybalt has got: all that were sent to him are there."""
        self.asked += 1
        text = f"to myself {self.asked}"
        self.tybalt.say(message(self.tybalt.jid, text))
        await self.tybalt.gets(text)
        return len(self.tybalt.presences)

    async def read(self, user: LinkUser, until: bytes) -> bytes:
        """Ask until this comes, and return all answers."""
        got = (await user.ask(_SYNC)).body
        while until not in got:
            got += (await user.ask(_SYNC)).body
        return got

    async def a_member_of_a_room(self) -> None:
        """It is still in the room, whose other members see nothing."""
        romeo = await self.come("romeo")
        await self.read_after(romeo, _enter("romeo"), b"status code='110'")
        await self.tybalt.sees(f"{_ROOM}/romeo")
        await self.go_round(romeo)
        self.tybalt.say(message(_ROOM, "to all").replace("chat", "groupchat"))
        await self.read(romeo, _body("to all"))
        await romeo.ask(message(_ROOM, "to you").replace("chat", "groupchat"))
        await self.tybalt.gets("to you")

    async def read_after(self, user: LinkUser, payload: str, until: bytes) -> None:
        if until not in (await user.ask(payload)).body:
            await self.read(user, until)

    async def one_with_carbons(self) -> None:
        """Both resources get what is for one of them, once."""
        here, there = await self.come("juliet", "balcony"), await self.come("juliet", "window")
        for user in (here, there):
            enable = (
                f"<iq xmlns='{CLIENT}' type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
            )
            await self.read_after(user, enable, b"id='c'")
        await self.go_round(here, there)
        self.tybalt.say(message(here.jid, "for the balcony"))
        for user in (here, there):
            got = await self.read(user, _body("for the balcony"))
            got += (await user.ask(_SYNC)).body
            self.assertEqual(got.count(_body("for the balcony")), 1)

    async def one_with_a_privacy_list(self) -> None:
        """Tybalt is still kept out."""
        mercutio = await self.come("mercutio")
        item = (
            f"<item type='jid' value='{self.tybalt.jid}' action='deny' order='1'><message/></item>"
        )
        for number, content in enumerate((f"<list name='l'>{item}</list>", "<active name='l'/>")):
            payload = f"<query xmlns='jabber:iq:privacy'>{content}</query>"
            iq = f"<iq xmlns='{CLIENT}' type='set' id='p{number}'>{payload}</iq>"
            await self.read_after(mercutio, iq, f"id='p{number}'".encode())
        await self.go_round(mercutio)
        self.tybalt.say(message(mercutio.jid, "let me in"))
        await self.tybalt.gets("let me in")
        self.assertEqual(self.tybalt.messages[-1].get("type"), "error")

    async def one_with_stream_management(self) -> None:
        """The counts of both sides go on; what is not acknowledged comes once more afterwards."""
        benvolio = await self.come("benvolio")
        await self.read_after(benvolio, f"<enable xmlns='{SM}'/>", b"<enabled")
        self.tybalt.say(message(benvolio.jid, "not acknowledged"))
        await self.read(benvolio, _body("not acknowledged"))
        handled = await self.handled(benvolio)
        await self.go_round(benvolio)
        self.assertEqual(await self.handled(benvolio), handled)
        await self.leave(benvolio)
        await self.shell.evaluate(_STORED.format(user="benvolio", host=DOMAIN))
        again = await self.come("benvolio")
        while _body("not acknowledged") not in _all(again):
            await again.ask(_SYNC)
        await again.ask(_SYNC)
        self.assertEqual(_all(again).count(_body("not acknowledged")), 1)

    async def handled(self, user: LinkUser) -> str:
        """Return how many stanzas of this user the server says have come."""
        got = (await user.ask(f"<r xmlns='{SM}'/>")).body
        while b"<a " not in got:
            got += (await user.ask()).body
        return got.partition(b"<a ")[2].partition(b"h='")[2].partition(b"'")[0].decode()

    async def one_in_a_pause(self) -> None:
        """Messages that have come meanwhile are there when the pause is over."""
        rosaline = await self.come("rosaline")
        await rosaline.ask(pause="60")
        self.tybalt.say(message(rosaline.jid, "before"))
        await self.go_round(rosaline)
        self.tybalt.say(message(rosaline.jid, "after"))
        got = await self.read(rosaline, _body("after"))
        self.assertLess(got.index(_body("before")), got.index(_body("after")))

    async def one_that_does_not_ask(self) -> None:
        """It gets each message once and in order, also those of an answer that it has not got."""
        laurence = await self.come("laurence")
        held = laurence.ask()
        self.tybalt.say(message(laurence.jid, "0"))
        lost = await held
        for number in range(1, 10):
            await self.move(laurence, self.members[number % 3])
            self.tybalt.say(message(laurence.jid, str(number)))
        repeated = await laurence.ask_as(laurence.session.rid)
        self.assertEqual(repeated.body, lost.body)
        got = lost.body + await self.read(laurence, _body("9"))
        self.assertEqual(_texts(got), [str(number) for number in range(10)])

    async def one_before_the_login(self) -> None:
        """Its client logs in afterwards."""
        paris = await self.begun("paris")
        await self.go_round(paris)
        await paris.go_on()
        await self.talks(paris)

    async def one_in_the_middle_of_the_login(self) -> None:
        """It has shown the password, and has no resource yet."""
        paris = await self.begun("paris")
        await paris.step()
        await self.go_round(paris)
        await paris.go_on()
        await self.talks(paris)

    async def begun(self, name: str) -> LinkUser:
        newcomer = LinkUser(self.links[0], name)
        await newcomer.begin()
        return newcomer

    async def talks(self, user: LinkUser) -> None:
        await user.ask(_ONLINE)
        await self.tybalt.sees(user.jid)
        self.tybalt.say(message(user.jid, "welcome"))
        await self.read(user, _body("welcome"))
        await self.leave(user)


def _body(text: str) -> bytes:
    return f"<body>{text}</body>".encode()


def _all(user: LinkUser) -> bytes:
    return b"".join(answer.body for answer in user.answers)


def _texts(body: bytes) -> list[str]:
    return [part.partition(b"</body>")[0].decode() for part in body.split(b"<body>")[1:]]


def _enter(nick: str) -> str:
    join = "<x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x>"
    return f"<presence xmlns='{CLIENT}' to='{_ROOM}/{nick}'>{join}</presence>"
