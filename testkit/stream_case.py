"""Tests of users whose connections to ECM are streams, over each transport."""

import re
from collections.abc import Iterable

from twisted.internet.defer import ensureDeferred

from ecm.tools.demo.plan import DOMAIN
from testkit.bosh_client import CLIENT
from testkit.certificates import make_certificate
from testkit.cut_talk import gather
from testkit.ecm_process import temporary_folder
from testkit.link_case import ONLINE, PASSWORD, Front
from testkit.managed_client import ManagedClient
from testkit.process import Process
from testkit.proxied_link import ProxiedLinkTestCase
from testkit.stream_client import StreamClient
from testkit.stream_ends import ClientEnd, WebSocketEnd

_AT_ONCE = 10  # users who log in at the same time


class StreamUserCase(ProxiedLinkTestCase):
    """A test with real ejabberds and ECMs, for a transport; with further options of ECM."""

    end: type[ClientEnd] = WebSocketEnd
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.certificate = make_certificate(temporary_folder(self))

    async def start(self, *arguments: str) -> Process:
        """Start ECM with a port for the transport, too."""
        offered = self.end.offered(self.certificate)
        ecm = await super().start(*arguments, *offered, *self.options)
        ports = re.findall(r"Factory.* starting on ([0-9]+)", ecm.output)
        self.stream_port = int(ports[-1])
        return ecm

    def make_end(self, narrow: bool = False) -> ClientEnd:
        """Return the end of a connection that is not made yet, to the last ECM."""
        return self.end(self, self.stream_port, self.certificate, narrow)

    async def account(self, front: Front) -> str:
        """Make an account, over BOSH."""
        client = self.client(front)
        name = await self.register(client)
        await client.terminate()
        return name

    async def user(
        self, front: Front, account: str = "", end: ClientEnd | None = None
    ) -> StreamClient:
        """Return somebody who is online."""
        client = await self.logged_in(account or await self.account(front), end)
        await self.appear(client)
        return client

    async def logged_in(self, account: str, end: ClientEnd | None = None) -> StreamClient:
        """Return somebody who has a resource, and is not online yet."""
        client = StreamClient(end or self.make_end(), DOMAIN)
        await client.create()
        await client.login(account, PASSWORD)
        return client

    async def appear(self, client: StreamClient) -> None:
        """Come online, and wait until ejabberd has said so."""
        client.send(ONLINE)
        tag = f"{{{CLIENT}}}presence"
        await client.receive(lambda el: el.tag == tag and el.get("from") == client.jid)

    async def managed(self, front: Front) -> ManagedClient:
        """Return somebody who is online, and goes on over one connection after another."""
        account = await self.account(front)
        client = ManagedClient(lambda: self.make_end(), account, PASSWORD)
        await client.begin(await self.user(front, account))
        return client

    async def users(self, front: Front, number: int) -> list[StreamClient]:
        """Return so many who are online."""
        found: list[StreamClient] = []
        while len(found) < number:
            size = min(_AT_ONCE, number - len(found))
            coming = [ensureDeferred(self.user(front)) for _ in range(size)]
            found += await gather(coming)
        return found

    async def leave(self, clients: Iterable[StreamClient]) -> None:
        """Let them end their streams."""
        await gather([ensureDeferred(client.terminate()) for client in clients])
