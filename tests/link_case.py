"""A test of real links: ``twistd ecm`` before a private ejabberd, and people who chat over them."""

from secrets import token_hex
from xml.etree.ElementTree import Element

import attrs
from twisted.internet.defer import Deferred, ensureDeferred

from ecm.demo.plan import DOMAIN
from tests.bosh_client import CLIENT, BoshClient, http_client
from tests.ecm_process import EcmTestCase
from tests.private_ejabberd import running_ejabberd
from tests.process import Process, start
from tests.test_conversation import message

PASSWORD = "secret"


@attrs.frozen
class Front:
    """An ECM, and the URL at which it serves BOSH."""

    process: Process
    bosh: str


class LinkTestCase(EcmTestCase):
    timeout = 60

    def setUp(self) -> None:
        self.ejabberd = running_ejabberd()
        # What ejabberd logs from now on.
        last = self.ejabberd.log.stat().st_size
        self.log = start(
            self, "/usr/bin/tail", f"--bytes=+{last + 1}", "-F", str(self.ejabberd.log)
        )

    async def front(self, listener: str, *arguments: str) -> Front:
        """Start an ECM before one of ejabberd's listeners. It stops when the test ends."""
        return await self.front_at(self.ejabberd.listeners.upstream(listener), *arguments)

    async def front_at(self, upstream: str, *arguments: str) -> Front:
        process = await self.start("--upstream", upstream, "--drain-timeout", "0", *arguments)
        return Front(process, f"{self.url}/http-bind")

    def client(
        self,
        front: Front,
        address: str = "127.0.0.1",
        forwarded_for: str | None = None,
        domain: str = DOMAIN,
    ) -> BoshClient:
        """Somebody at an address, perhaps behind a proxy there that says for whom it asks."""
        headers = {"X-Forwarded-For": forwarded_for} if forwarded_for else {}
        return BoshClient(http_client(self, address), front.bosh, domain, headers)

    async def register(self, client: BoshClient) -> str:
        """Begin a session and create an account, whose name is returned."""
        name = f"user-{token_hex(4)}"
        await client.create()
        await client.register(name, PASSWORD)
        return name

    async def log_in(self, client: BoshClient) -> BoshClient:
        """Log in with a new account."""
        await client.login(await self.register(client), PASSWORD)
        return client

    async def held(self, client: BoshClient, friend: BoshClient) -> Deferred[Element]:
        """Come online and greet a friend; return the answer that is held once the friend knows."""
        await client.ask(f"<presence xmlns='{CLIENT}'/>")
        held = ensureDeferred(client.ask(f"<presence xmlns='{CLIENT}' to='{friend.jid}'/>"))
        await friend.receive(lambda stanza: stanza.get("from") == client.jid)
        self.assertFalse(held.called)
        return held

    async def assert_chat_crosses(self, front: Front) -> None:
        """Two people talk through this ECM."""
        romeo, juliet = [await self.log_in(self.client(front)) for _ in range(2)]
        for sender, receiver in ((romeo, juliet), (juliet, romeo)):
            sender.send(message(receiver.jid, "hello"))
            self.assertEqual(await receiver.message(), (sender.jid.partition("/")[0], "hello"))
        for client in (romeo, juliet):
            await client.terminate()
