"""``ecm_restart`` closes all streams, and stream management resumes them when ejabberd is back."""

from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd.configuration import without_options
from testkit.bosh_client import CLIENT, ROSTER
from testkit.link_peer import EcmEnd
from testkit.link_user import PASSWORD, LinkUser
from testkit.own_ejabberd import MODULES, OwnEjabberd
from testkit.stanzas import message
from testkit.stream_client import StreamClient
from testkit.streaming_end import StreamingEnd
from testkit.told_case import TestCase

_ONLINE = f"<presence xmlns='{CLIENT}'/>"
_SYNC = f"<iq type='get' id='sync' xmlns='{CLIENT}'><query xmlns='{ROSTER}'/></iq>"

_MODULES = {**MODULES, "mod_stream_mgmt": {"resend_on_timeout": "if_offline"}}


class RestartTests(TestCase):
    timeout = 120

    async def start(self) -> None:
        self.ejabberd = OwnEjabberd.start(self, "romeo", "juliet", "friend", modules=_MODULES)
        self.link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        self.romeo, self.juliet = [await self.online(name) for name in ("romeo", "juliet")]

    async def online(self, name: str) -> StreamClient:
        client = StreamClient(self.link, DOMAIN)
        await client.create()
        await client.login(name, PASSWORD)
        client.send(_ONLINE)
        return client

    async def resumed(self, client: StreamClient, stream: str, got: int) -> StreamClient:
        again = StreamClient(self.link, DOMAIN)
        await again.create()
        await again.authenticate(client.jid.partition("@")[0], PASSWORD)
        await again.resume(stream, got)
        again.jid = client.jid
        return again

    async def taken(self, client: StreamClient) -> None:
        """Wait until all that a client has sent before is taken."""
        await client.iq("get", f"<query xmlns='{ROSTER}'/>")

    async def friend_is_online(self) -> None:
        """Somebody over BOSH, to whom Juliet shows her presence."""
        self.friend = LinkUser(await EcmEnd.connect(self, self.ejabberd.link_port), "friend")
        await self.friend.log_in()
        await self.friend.ask(_ONLINE + _SYNC)
        self.juliet.send(f"<presence to='{self.friend.jid}' xmlns='{CLIENT}'/>")
        await self.taken(self.juliet)

    async def test_managed_streams_go_on_and_nobody_sees_it(self) -> None:
        await self.start()
        await self.friend_is_online()
        streams = [await client.manage() for client in (self.romeo, self.juliet)]
        self.juliet.reads = False
        texts = [f"{number} {'x' * 10_000}" for number in range(20)]
        self.romeo.send(*(message(self.juliet.jid, text) for text in texts))
        await self.taken(self.romeo)
        came = [(await self.juliet.message())[1] for _ in range(7)]
        self.ejabberd.forget_start()
        said, _ = await self.ejabberd.control("ecm_restart")
        self.assertIn("3 sessions are written", said)
        ends = [await client.told() for client in (self.romeo, self.juliet)]
        self.assertEqual(ends, [("", "close end status=1012")] * 2)
        await self.ejabberd.restarted()
        await self.ejabberd.logged("3 sessions are back")
        self.link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        self.friend.link = await EcmEnd.connect(self, self.ejabberd.link_port)
        romeo = await self.resumed(self.romeo, streams[0], 1)
        romeo.send(message(self.juliet.jid, "after"))
        juliet = await self.resumed(self.juliet, streams[1], len(came))
        came += [(await juliet.message())[1] for _ in range(len(texts) + 1 - len(came))]
        self.assertEqual(came, [*texts, "after"])
        seen = (await self.friend.ask(_SYNC)).body
        self.assertNotIn(b"unavailable", seen)
        juliet.send(f"<presence to='{self.friend.jid}' xmlns='{CLIENT}'/>")
        for client in (romeo, juliet):
            await client.terminate()

    async def test_others_end_and_what_waits_for_them_comes_once(self) -> None:
        await self.start()
        self.juliet.reads = False
        texts = [f"{number} {'x' * 10_000}" for number in range(20)]
        self.romeo.send(*(message(self.juliet.jid, text) for text in texts))
        await self.taken(self.romeo)
        came = [(await self.juliet.message())[1] for _ in range(7)]
        said, _ = await self.ejabberd.control("ecm_stop")
        self.assertIn("0 sessions are written", said)
        await self.ejabberd.ended()
        self.ejabberd.start_again()
        self.link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        juliet = await self.online("juliet")
        came += [(await juliet.message())[1] for _ in range(len(texts) - len(came))]
        self.assertEqual(came, texts)
        await juliet.terminate()

    async def test_what_is_kept_for_who_may_not_go_on_is_stored(self) -> None:
        """Stream management is not there any more."""
        await self.start()
        await self.juliet.manage()
        self.romeo.send(message(self.juliet.jid, "kept"))
        self.assertEqual((await self.juliet.message())[1], "kept")
        await self.ejabberd.control("ecm_stop")
        await self.ejabberd.ended()
        modules = MODULES.keys() - {"mod_stream_mgmt"}
        self.ejabberd.configure(modules=without_options(*sorted(modules)))
        self.ejabberd.start_again()
        await self.ejabberd.logged("1 sessions have ended: they use mod_stream_mgmt")
        self.link = await StreamingEnd.connect(self, self.ejabberd.link_port)
        again = await self.online("juliet")
        self.assertEqual((await again.message())[1], "kept")
        await again.terminate()
