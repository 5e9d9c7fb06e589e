"""Each session is after a restart of ejabberd what it was before; or it has ended as it should."""

from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT, ROSTER, SM
from testkit.cluster import join, start_nodes
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import PASSWORD, LinkUser, attribute
from testkit.own_ejabberd import MODULES, OwnEjabberd
from testkit.session_probe import is_asleep
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd
from testkit.told_case import TestCase

_SYNC = f"<iq type='get' id='{{}}' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"
_ONLINE = f"<presence xmlns='{CLIENT}'/>"
_ROOM = f"room@conference.{DOMAIN}/{{}}"
_ENTER = f"<presence xmlns='{CLIENT}' to='{_ROOM}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
_CARBONS = f"<iq xmlns='{CLIENT}' type='set' id='c'><enable xmlns='urn:xmpp:carbons:2'/></iq>"
_LIST = (
    f"<iq xmlns='{CLIENT}' type='set' id='list'><query xmlns='jabber:iq:privacy'><list name='no'>"
    f"<item type='jid' value='{{}}' action='deny' order='1'><message/></item></list></query></iq>"
    f"<iq xmlns='{CLIENT}' type='set' id='active'><query xmlns='jabber:iq:privacy'>"
    "<active name='no'/></query></iq>"
)


# All that the commands do before ejabberd stops.
_SAVE = """
Header = #{node => node(), saved => erlang:system_time(millisecond), key => ecm_sid_key:get(),
           salt => ecm_restart_check:salt()},
ecm_restart_save:run("database/ecm-sessions", Header, fun(_) -> ok end)
"""

# Writes a file anew, with all sessions as they are and not deflated: each event becomes what a
# function makes of it.
_REWRITE = """
Change = {change},
{{ok, Read}} = ecm_restart_file:read("aside", fun(Event, Before) -> [Event | Before] end, []),
[_, {{session, First}} | _] = Events = lists:reverse(Read),
Sample = ecm_restart_deflate:sample(First),
Inflate = fun({{session, Packed}}) ->
                  {{session, <<0, (ecm_restart_deflate:unpack(Packed, Sample))/binary>>}};
             (Event) -> Event
          end,
[{{header, Header}} | Changed] = lists:flatmap(Change, lists:map(Inflate, Events)),
{{ok, Draft}} = ecm_restart_file:create("aside", Header),
Append = fun({{session, Session}}, Before) ->
                 {{ok, Next}} = ecm_restart_file:append(Session, Before), Next;
            (_, Before) -> Before
         end,
ecm_restart_file:commit(lists:foldl(Append, Draft, Changed))
"""

_WRITTEN_LONG_AGO = (
    "fun({header, Header}) -> [{header, Header#{saved := 0}}]; (Event) -> [Event] end"
)
_TWICE = "fun({session, _} = Event) -> [Event, Event]; (Event) -> [Event] end"
_OF_ANOTHER_VERSION = """
fun({session, <<0, Bytes/binary>>}) ->
        #{frozen := Frozen} = Session = binary_to_term(Bytes),
        Changed = Session#{frozen := Frozen#{ejabberd := <<"1.0">>}},
        [{session, <<0, (term_to_binary(Changed))/binary>>}];
   (Event) -> [Event]
end
"""


class RestartCase(TestCase):
    timeout = 180

    async def begin(self, *names: str, **options: Any) -> dict[str, LinkUser]:
        """Start ejabberd, and log these users in. ``name/resource`` is one of several of a user."""
        accounts = {name.partition("/")[0] for name in names}
        self.ejabberd = OwnEjabberd.start(self, *sorted(accounts), **options)
        self.link = await EcmEnd.connect(self, self.ejabberd.link_port)
        users = {}
        for name in names:
            user, _, resource = name.partition("/")
            users[name] = LinkUser(self.link, user, resource or "test")
            await users[name].log_in()
            await self.settled(users[name], _ONLINE)
        self.users = users
        return users

    async def settled(self, user: LinkUser, payload: str = "") -> bytes:
        """Have a user say something; return what has come until ejabberd has handled it."""
        name = token_hex(4)
        answer = await user.ask(payload + _SYNC.format(name))
        got = answer.body
        while f"id='{name}'".encode() not in got:
            answer = await user.ask()
            self.assertNotIn(b"terminate", answer.body[:200])
            got += answer.body
        return got

    async def restart(self) -> None:
        self.ejabberd.forget_start()
        said, status = await self.ejabberd.control("ecm_restart")
        self.assertEqual(status, 0, said)
        await self.ejabberd.restarted()
        await self.connect()

    async def connect(self) -> None:
        self.link = await EcmEnd.connect(self, self.ejabberd.link_port)
        for user in self.users.values():
            user.link = self.link

    async def stop(self) -> None:
        said, status = await self.ejabberd.control("ecm_stop")
        self.assertEqual(status, 0, said)
        await self.ejabberd.ended()

    async def ended(self, user: LinkUser) -> bytes:
        """Return the answer by which a client learns that its session has ended."""
        body = (await user.ask()).body
        self.assertEqual(attribute(body, "type"), "terminate", body)
        return body


class KeptTests(RestartCase):
    async def test_sessions_of_all_kinds(self) -> None:
        users = await self.begin(
            *(
                "managed",
                "copied/one",
                "copied/two",
                "paused",
                "member",
                "picky",
                "unread",
                "friend",
            )
        )
        friend = users["friend"]
        await self.settled(users["managed"], f"<enable xmlns='{SM}'/>")
        await self.settled(friend, message(users["managed"].jid, "before"))
        self.assertIn(b"before", await self.settled(users["managed"]))
        for name in ("copied/one", "copied/two"):
            await self.settled(users[name], _CARBONS)
        for name in ("member", "friend"):
            await self.settled(users[name], _ENTER.format(name))
        await self.settled(users["picky"], _LIST.format(f"friend@{DOMAIN}"))
        await users["paused"].ask(pause="60")
        for name in ("paused", "unread"):
            for number in range(3):
                await self.settled(friend, message(users[name].jid, f"{name} {number}"))
        await self.restart()

        await self.managed_goes_on(users["managed"], friend)
        await self.settled(friend, message(users["copied/one"].jid, "copy"))
        self.assertIn(b"copy", await self.settled(users["copied/one"]))
        copied = await self.settled(users["copied/two"])
        self.assertIn(b"urn:xmpp:carbons:2", copied)
        self.assertIn(b"copy", copied)
        await self.settled(friend, message(users["picky"].jid, "unwanted"))
        self.assertNotIn(b"unwanted", await self.settled(users["picky"]))
        for name in ("paused", "unread"):
            got = texts(await self.settled(users[name]))
            self.assertEqual(got, [f"{name} {number}" for number in range(3)])
        await self.member_may_enter_again(users["member"])

    async def managed_goes_on(self, user: LinkUser, friend: LinkUser) -> None:
        """Both sides have counted on."""
        await self.settled(friend, message(user.jid, "after"))
        got = await self.settled(user, f"<r xmlns='{SM}'/>")
        self.assertIn(b"after", got)
        self.assertNotIn(b"<body>before", got)
        self.assertRegex(got, rb"<a [^>]*h='2'")

    async def member_may_enter_again(self, member: LinkUser) -> None:
        """It is told that it has left the room, which has ended with ejabberd."""
        told = await self.settled(member)
        self.assertIn(_ROOM.format("member").encode(), told)
        self.assertIn(b"type='unavailable'", told)
        self.assertIn(b"code='332'", told)
        entered = await member.ask(_ENTER.format("member"))
        while b"code='201'" not in entered.body:  # it has made the room
            entered = await member.ask()

    async def test_the_last_answer_comes_again(self) -> None:
        """A client that has not got it repeats its request."""
        users = await self.begin("romeo", "juliet")
        romeo, juliet = users.values()
        await self.settled(juliet, message(romeo.jid, "lost with its answer"))
        first = (await romeo.ask()).body
        await self.restart()
        again = await romeo.ask_as(romeo.session.rid)
        self.assertEqual(again.body, first)
        self.assertIn(b"lost with its answer", first)

    async def test_messages_that_come_meanwhile_are_delivered(self) -> None:
        """They are stored while there is no session, and come once, behind those before."""
        users = await self.begin("romeo", "juliet")
        romeo, juliet = users.values()
        await self.settled(juliet, message(romeo.jid, "0"))
        shell = ErlangShell.start(self, self.ejabberd.node)
        self.assertIn("{ok,#{", await shell.evaluate(_SAVE))
        for to in (romeo.jid, f"romeo@{DOMAIN}"):
            for text in ("1", "2"):
                await self.ejabberd.control("send_message", "chat", juliet.jid, to, "", text)
        self.ejabberd.terminate()
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        await self.connect()
        self.assertEqual(texts(await self.settled(romeo)), ["0", "1", "2", "1", "2"])

    async def test_a_file_is_taken_up_once(self) -> None:
        users = await self.begin("romeo")
        await self.stop()
        file = self.ejabberd.spool / "ecm-sessions"
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)
        self.ejabberd.start_again()
        self.assertEqual([*self.ejabberd.spool.glob("ecm-sessions*")], [])
        await self.connect()
        await self.settled(users["romeo"])

    async def test_of_two_commands_one_is_refused(self) -> None:
        """The second comes when the sessions are written, and before ejabberd stops."""
        users = await self.begin("romeo")
        shell = ErlangShell.start(self, self.ejabberd.node)
        said = await shell.evaluate("[ecm_restart:ecm_stop() || _ <- [1, 2]]")
        self.assertRegex(said, r"\{ok,.*1 sessions are written.*\{error,.*or stops ejabberd")
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        await self.connect()
        await self.settled(users["romeo"])

    async def test_a_listener_takes_them_up_without_the_module(self) -> None:
        modules = without_options(*(MODULES.keys() - {"mod_ecm"}))
        users = await self.begin("romeo", modules=modules)
        await self.restart()
        await self.settled(users["romeo"])

    async def test_sessions_hibernate_when_they_are_back(self) -> None:
        """Nobody has asked for them yet."""
        users = await self.begin("romeo", "juliet")
        await self.restart()
        shell = ErlangShell.start(self, self.ejabberd.node)
        for user in users.values():
            self.assertEqual(await shell.evaluate(is_asleep(user.jid)), "true")


class NotWrittenTests(RestartCase):
    async def test_they_go_on_if_the_disc_is_full(self) -> None:
        """The stanzas that wait for Juliet do not fit."""
        users = await self.begin("romeo", "juliet")
        romeo, juliet = users.values()
        parts = [token_hex(20_000) for _ in range(60)]
        for part in parts:
            await self.settled(romeo, message(juliet.jid, part))
        held = romeo.ask()
        self.ejabberd.limit_files(400_000)
        said, status = await self.ejabberd.control("ecm_restart")
        self.assertNotEqual(status, 0)
        self.assertRegex(said, r"cannot be written: .+\. ejabberd goes on, with all sessions")
        self.assertEqual([*self.ejabberd.spool.glob("ecm-sessions*")], [])
        await held
        await self.connect()
        got: list[str] = []
        while len(got) < len(parts):
            got += texts((await juliet.ask()).body)
        self.assertEqual(got, parts)
        await self.settled(juliet, message(romeo.jid, "still here"))
        self.assertIn(b"still here", await self.settled(romeo))


# The error with which a session ends, and the reason in the log.
_ENDED = {
    "gone": (b"not-authorized", "1 sessions have ended: their accounts are gone"),
    "changed": (b"reset", "1 sessions have ended: their passwords have changed"),
    "barred": (b"policy-violation", "1 sessions have ended: the access rule does not let them in"),
    "managed": (b"reset", "1 sessions have ended: they use mod_stream_mgmt, which is not loaded"),
    "copied": (b"reset", "1 sessions have ended: they use mod_carboncopy, which is not loaded"),
}


class ClusterTests(TestCase):
    timeout = 120

    async def test_one_of_several_nodes_moves_its_sessions_instead(self) -> None:
        members = start_nodes(self, 2)
        await join(self, members)
        shell = ErlangShell.start(self, members[0].node)
        for command in ("ecm_restart", "ecm_stop"):
            refusal = await shell.evaluate(f"ecm_restart:{command}()")
            self.assertIn("ejabberdctl ecm_evacuate", refusal)


class ChangedTests(RestartCase):
    """Something has changed since the file was written."""

    @contextmanager
    def file_kept(self) -> Iterator[None]:
        """Have the file away meanwhile."""
        file = self.ejabberd.spool / "ecm-sessions"
        aside = self.ejabberd.node.home / "aside"
        file.rename(aside)
        yield
        aside.rename(file)

    async def test_sessions_that_may_not_go_on(self) -> None:
        names = ("gone", "changed", "barred", "managed", "copied", "stays", "friend", "unread")
        users = await self.begin(*names, **_rule("nobody"))
        await self.settled(users["managed"], f"<enable xmlns='{SM}'/>")
        await self.settled(users["copied"], _CARBONS)
        for name in ("changed", "managed", "unread"):
            await self.settled(users["friend"], message(users[name].jid, f"for {name}"))
        await self.stop()
        with self.file_kept():
            self.ejabberd.start_again()
            await self.ejabberd.control("change_password", "changed", DOMAIN, "another")
            await self.ejabberd.control("unregister", "gone", DOMAIN)
            self.ejabberd.terminate()
            await self.ejabberd.ended()
        modules = MODULES.keys() - {"mod_stream_mgmt", "mod_carboncopy"}
        self.ejabberd.configure(modules=without_options(*modules), **_rule("barred"))
        self.ejabberd.start_again()
        await self.connect()

        for name, (error, _) in _ENDED.items():
            body = await self.ended(users[name])
            self.assertIn(b"remote-stream-error", body, name)
            self.assertIn(error, body, name)
        for reason in (*(reason for _, reason in _ENDED.values()), "3 sessions are back"):
            await self.ejabberd.logged(reason)
        self.assertIn(b"for unread", await self.settled(users["unread"]))
        await self.settled(users["stays"])
        await self.are_stored("managed")

    async def test_a_host_that_is_not_served_any_more(self) -> None:
        users = await self.begin("romeo")
        await self.stop()
        self.ejabberd.configure(host="elsewhere.localhost")
        self.ejabberd.start_again()
        await self.connect()
        self.assertIn(b"host-gone", await self.ended(users["romeo"]))
        await self.ejabberd.logged("1 sessions have ended: their host is not served")

    async def test_files_that_are_not_whole(self) -> None:
        """Of a file that ends early, as much is taken as there is; of another version, nothing."""
        users = await self.begin("romeo", "juliet")
        await self.stop()
        file = self.ejabberd.spool / "ecm-sessions"
        whole = file.read_bytes()
        file.write_bytes(whole[:-20])
        self.ejabberd.start_again()
        await self.ejabberd.logged("it ends early. Up to 1 sessions of 2 are lost")
        await self.ejabberd.logged("1 sessions are back")
        self.ejabberd.terminate()
        await self.ejabberd.ended()

        file.write_bytes(whole.replace(b"ecm-sessions\n\0\1", b"ecm-sessions\n\0\2", 1))
        file.chmod(0o600)
        self.ejabberd.start_again()
        await self.ejabberd.logged("its format is version 2, of another release of mod_ecm")
        await self.connect()
        self.assertIn(b"item-not-found", await self.ended(users["romeo"]))

    async def test_a_session_is_taken_up_once(self) -> None:
        users = await self.begin("romeo")
        await self.rewritten(_TWICE)
        await self.ejabberd.logged("1 sessions were in the file twice")
        await self.settled(users["romeo"])

    async def test_sessions_that_were_written_too_long_ago(self) -> None:
        users = await self.begin("romeo", "juliet")
        romeo, juliet = users.values()
        await self.settled(juliet, message(romeo.jid, "for romeo"))
        await self.rewritten(_WRITTEN_LONG_AGO)
        await self.ejabberd.logged("2 sessions have ended: they were written too long ago")
        self.assertIn(b"connection-timeout", await self.ended(romeo))
        await self.are_stored("romeo")

    async def test_sessions_of_another_version_of_ejabberd(self) -> None:
        """They cannot be taken up; all that needs no state of theirs is done."""
        users = await self.begin("romeo", "juliet")
        romeo, juliet = users.values()
        await self.settled(juliet, message(romeo.jid, "for romeo"))
        await self.rewritten(_OF_ANOTHER_VERSION)
        await self.ejabberd.logged("2 sessions have ended: they are of another version")
        self.assertIn(b"reset", await self.ended(romeo))
        await self.are_stored("romeo")

    async def test_what_is_kept_for_a_stream_is_stored_as_well(self) -> None:
        users = await self.begin("romeo", "juliet")
        link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        stream = StreamClient(link, DOMAIN)
        await stream.create()
        await stream.login("juliet", PASSWORD, resource="stream")
        stream.send(_ONLINE, f"<enable xmlns='{SM}' resume='true'/>")
        await stream.receive(lambda element: element.tag == f"{{{SM}}}enabled")
        await self.settled(users["romeo"], message(stream.jid, "for juliet"))
        await self.rewritten(_OF_ANOTHER_VERSION)
        await self.ejabberd.logged("3 sessions have ended: they are of another version")
        await self.are_stored("juliet")

    async def rewritten(self, change: str) -> None:
        """Restart ejabberd with a file whose events this function changes."""
        await self.stop()
        with self.file_kept():
            self.ejabberd.start_again()
            shell = ErlangShell.start(self, self.ejabberd.node)
            await shell.evaluate(_REWRITE.format(change=change))
            self.ejabberd.terminate()
            await self.ejabberd.ended()
        self.ejabberd.start_again()
        await self.connect()

    async def are_stored(self, name: str) -> None:
        user = LinkUser(self.link, name)
        await user.log_in()
        self.assertIn(f"for {name}".encode(), await self.settled(user, _ONLINE))


def _rule(barred: str) -> dict[str, Any]:
    """Options with a rule that lets all log in, except for this user."""
    rule = [{"deny": {"user": f"{barred}@{DOMAIN}"}}, {"allow": "all"}]
    return {"access": "most", "access_rules": {"most": rule}}


def texts(body: bytes) -> list[str]:
    return [part.partition(b"</body>")[0].decode() for part in body.split(b"<body>")[1:]]
