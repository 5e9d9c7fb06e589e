"""A message is stored in the moment in which its receiver comes online."""

from typing import Any

from ecm.link.events import Answered
from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, ROSTER
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import LinkUser
from testkit.own_ejabberd import OwnEjabberd
from testkit.stanzas import message
from testkit.told_case import TestCase

_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"
_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# A sender stops at this place of the hook that stores messages, until it is let go: once, though
# what comes before mod_ecm has its turn twice.
_STOP = """
ejabberd_hooks:add(offline_message_hook, <<"{host}">>, fun(Result) ->
    case put(test_stopped, true) of
        true -> Result;
        undefined -> register(test_sender, self()), receive test_go -> Result end
    end
end, {place})
"""

# The session of Juliet stops when it is online and has not fetched what is stored.
_STOP_ONLINE = """
ejabberd_hooks:add(c2s_self_presence, <<"{host}">>, fun(Result) ->
    register(test_sender, self()),
    receive test_go -> Result end
end, 49)
"""

# As a session of Juliet's that has just been forgotten: it stops before it sends on what it has.
_END = """
Juliet = jid:make(<<"juliet">>, <<"{host}">>),
spawn(fun() ->
    ecm_c2s_offline:ends(Juliet),
    register(test_sender, self()),
    receive test_go -> ok end,
    Older = fxml_stream:parse_element(<<"{older}">>),
    ecm_c2s_offline:route(xmpp:decode(Older, <<"jabber:client">>, [])),
    ecm_c2s_offline:ended(Juliet)
end)
"""

_UNTIL_STOPPED = """
Wait = fun Wait() ->
    case whereis(test_sender) of undefined -> receive after 1 -> Wait() end; _ -> ok end
end,
Wait()
"""

_UNTIL_WAITING = """
Waits = fun() ->
    Session = ejabberd_sm:get_session_pid(<<"{user}">>, <<"{host}">>, <<"test">>),
    {{_, Stack}} = process_info(Session, current_stacktrace),
    lists:keymember(ecm_c2s_offline, 1, Stack)
end,
Wait = fun Wait() ->
    case Waits() of false -> receive after 1 -> Wait() end; true -> ok end
end,
Wait()
"""

# The places around that of mod_ecm, which has everything else between them.
_BEFORE = -1001
_BETWEEN = 49

# As many as are stored for a user, at most.
_MOST = 3
_LIMITS: dict[str, Any] = {"shaper_rules": {"max_user_offline_messages": _MOST}}

_STORED = f'mod_offline:count_offline_messages(<<"juliet">>, <<"{DOMAIN}">>)'

_GO = "test_sender ! test_go"
_KILL = "exit(whereis(test_sender), kill)"


class OfflineRaceTests(TestCase):
    timeout = 60

    async def log_in(self) -> None:
        """Romeo and Juliet have sessions, and are not online."""
        ejabberd = OwnEjabberd.start(self, "romeo", "juliet", **_LIMITS)
        self.shell = ErlangShell.start(self, ejabberd.node)
        link = await EcmEnd.connect(self, ejabberd.link_port)
        self.romeo, self.juliet = LinkUser(link, "romeo"), LinkUser(link, "juliet")
        await self.romeo.log_in()
        await self.juliet.log_in()

    async def begin(self, place: int) -> None:
        """Romeo stores a message for Juliet, and has come to this place."""
        await self.log_in()
        await self.shell.evaluate(_STOP.format(host=DOMAIN, place=place))
        self.romeo.ask(message(f"juliet@{DOMAIN}", "hello")).addErrback(lambda _: None)
        await self.shell.evaluate(_UNTIL_STOPPED)

    async def assert_comes(self, *expected: bytes) -> None:
        """Assert that these messages come to Juliet, and that nothing stays behind."""
        while len(texts := [text for each in self.juliet.answers for text in _texts(each)]) < len(
            expected
        ):
            await self.juliet.ask()
        self.assertEqual(texts, [*expected])
        self.assertEqual(await self.shell.evaluate(_STORED), "0")

    async def test_a_session_waits_for_the_message_and_fetches_it(self) -> None:
        await self.begin(place=_BETWEEN)
        online = self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_UNTIL_WAITING.format(user="juliet", host=DOMAIN))
        await self.shell.evaluate(_GO)
        await online
        await self.assert_comes(b"hello")

    async def test_a_sender_that_sees_a_session_passes_the_message_on(self) -> None:
        await self.begin(place=_BEFORE)
        await self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_GO)
        await self.assert_comes(b"hello")

    async def test_a_sender_that_ends_keeps_nobody_waiting(self) -> None:
        await self.begin(place=_BETWEEN)
        online = self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_UNTIL_WAITING.format(user="juliet", host=DOMAIN))
        await self.shell.evaluate(_KILL)
        await online

    async def test_a_message_that_is_refused_keeps_nobody_waiting(self) -> None:
        """Too many are stored, and Romeo's session goes on."""
        await self.log_in()
        many = [str(number) for number in range(_MOST + 1)]
        stanzas = "".join(message(f"juliet@{DOMAIN}", text) for text in many)
        answer = await self.romeo.ask(stanzas + _SYNC)
        while b"id='sync'" not in answer.body:
            answer = await self.romeo.ask()
        self.assertEqual(await self.shell.evaluate(_STORED), str(_MOST))
        self.assertEqual(await self.shell.evaluate("ets:tab2list(ecm_c2s_offline)"), "[]")

    async def test_what_is_stored_comes_before_what_comes_meanwhile(self) -> None:
        await self.log_in()
        stored = "".join(message(f"juliet@{DOMAIN}", text) for text in ("one", "two"))
        await self.romeo.ask(stored + _SYNC)
        await self.shell.evaluate(_STOP_ONLINE.format(host=DOMAIN))
        online = self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_UNTIL_STOPPED)
        later = "".join(message(f"juliet@{DOMAIN}", text) for text in ("three", "four"))
        await self.romeo.ask(later + _SYNC)
        await self.shell.evaluate(_GO)
        await online
        await self.assert_comes(b"one", b"two", b"three", b"four")

    async def test_a_newer_message_waits_for_a_session_that_ends(self) -> None:
        await self.end()
        await self.shell.evaluate(_GO)
        await self.juliet.ask(_ONLINE)
        await self.assert_comes(b"older", b"newer")

    async def test_a_session_that_is_killed_at_its_end_keeps_nobody_waiting(self) -> None:
        await self.end()
        await self.shell.evaluate(_KILL)
        await self.juliet.ask(_ONLINE)
        await self.assert_comes(b"newer")

    async def test_the_next_session_waits_for_one_that_ends(self) -> None:
        await self.log_in()
        await self.romeo.ask(message(f"juliet@{DOMAIN}", "stored") + _SYNC)
        await self.begin_to_end()
        online = self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_UNTIL_WAITING.format(user="juliet", host=DOMAIN))
        await self.romeo.ask(message(f"juliet@{DOMAIN}", "newer") + _SYNC)
        await self.shell.evaluate(_GO)
        await online
        await self.assert_comes(b"stored", b"older", b"newer")

    async def end(self) -> None:
        """A session of Juliet's ends, has something for her, and Romeo writes to her meanwhile."""
        await self.log_in()
        await self.begin_to_end()
        self.romeo.ask(message(f"juliet@{DOMAIN}", "newer")).addErrback(lambda _: None)
        await self.shell.evaluate(_UNTIL_WAITING.format(user="romeo", host=DOMAIN))

    async def begin_to_end(self) -> None:
        """A session of Juliet's ends, and has something for her."""
        older = message(f"juliet@{DOMAIN}", "older").replace(">", f" from='nurse@{DOMAIN}'>", 1)
        await self.shell.evaluate(_END.format(host=DOMAIN, older=older))
        await self.shell.evaluate(_UNTIL_STOPPED)

    async def test_a_session_fetches_again_what_it_could_not_wait_for(self) -> None:
        """As with senders on other nodes of a cluster, which it does not see."""
        await self.begin(place=_BETWEEN)
        await self.shell.evaluate("ets:delete_all_objects(ecm_c2s_offline)")
        await self.juliet.ask(_ONLINE)
        await self.shell.evaluate(_GO)
        await self.assert_comes(b"hello")


def _texts(answer: Answered) -> list[bytes]:
    return [part.partition(b"</body>")[0] for part in answer.body.split(b"<body>")[1:]]
