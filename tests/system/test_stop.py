"""ejabberd stops, and starts again: what it has taken from its clients is not lost."""

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT, ROSTER
from testkit.erlang_shell import ErlangShell
from testkit.link_peer import EcmEnd
from testkit.link_user import PASSWORD, LinkUser
from testkit.own_ejabberd import OwnEjabberd
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd
from testkit.told_case import TestCase

_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"
_ONLINE = f"<presence xmlns='{CLIENT}'/>"

# As mod_http_api calls it, for one; with the permissions of ejabberdctl.
_STOP = """
spawn(fun() -> ejabberd_commands:execute_command2(stop, [], #{caller_module => ejabberd_ctl}) end)
"""

TEXTS = [f"message {number}" for number in range(20)]


class StopTests(TestCase):
    timeout = 120

    async def test_ejabberdctl_stop_stores_what_was_not_received(self) -> None:
        await self.talk()
        await self.ejabberd.control("stop")
        await self.assert_stored()

    async def test_a_command_of_any_interface_ends_the_sessions_in_order(self) -> None:
        await self.talk()
        await ErlangShell.start(self, self.ejabberd.node).evaluate(_STOP)
        await self.assert_stored()
        self.assertIn("ejabberd stops: 2 sessions end", self.ejabberd.log)

    async def test_a_signal_stores_what_was_not_received(self) -> None:
        await self.talk()
        self.ejabberd.terminate()
        await self.assert_stored()

    async def test_streams_are_told_and_what_waits_for_them_is_stored(self) -> None:
        self.ejabberd = OwnEjabberd.start(self, "romeo", "juliet")
        romeo, juliet = await self.online("romeo", "juliet")
        juliet.reads = False
        sent = [f"{text} {'x' * 10_000}" for text in TEXTS]
        romeo.send(*(message(juliet.jid, text) for text in sent))
        await romeo.iq("get", f"<query xmlns='{ROSTER}'/>")  # all before is taken
        came = [(await juliet.message())[1] for _ in range(7)]
        await self.ejabberd.control("stop")
        self.assertEqual(await romeo.told(), ("system-shutdown", "close end"))
        self.assertEqual((await juliet.told())[1], "close end")
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        [again] = await self.online("juliet")
        while len(came) < len(sent):
            came.append((await again.message())[1])
        self.assertEqual(came, sent)

    async def online(self, *names: str) -> list[StreamClient]:
        link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        clients = [StreamClient(link, DOMAIN) for _ in names]
        for client, name in zip(clients, names, strict=True):
            await client.create()
            await client.login(name, PASSWORD)
            client.send(_ONLINE)
        return clients

    async def talk(self) -> None:
        """Juliet is online and does not ask; Romeo is told that each message was taken."""
        self.ejabberd = OwnEjabberd.start(self, "romeo", "juliet")
        link = await EcmEnd.connect(self, self.ejabberd.link_port)
        romeo, juliet = LinkUser(link, "romeo"), LinkUser(link, "juliet")
        for user in (romeo, juliet):
            await user.log_in()
            await user.ask(_ONLINE + _SYNC)
        for text in TEXTS[:-1]:
            await romeo.ask(message(juliet.jid, text) + _SYNC)
        await romeo.ask(message("juliet@localhost", TEXTS[-1]) + _SYNC)

    async def assert_stored(self) -> None:
        """Assert that Juliet gets all of it when she logs in again."""
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        juliet = LinkUser(await EcmEnd.connect(self, self.ejabberd.link_port), "juliet")
        await juliet.log_in()
        self.assertEqual(await texts(juliet), TEXTS)


async def texts(user: LinkUser) -> list[str]:
    """Come online, and return the messages that have waited."""
    answer = await user.ask(_ONLINE + _SYNC)
    got = answer.body
    while got.count(b"<body>") < len(TEXTS) and b"id='end'" not in answer.body:
        answer = await user.ask(_SYNC.replace("sync", "end"))
        got += answer.body
    return [part.partition(b"</body>")[0].decode() for part in got.split(b"<body>")[1:]]
