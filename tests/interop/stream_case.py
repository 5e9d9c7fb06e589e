"""Clients over transports that are no BOSH: they talk, and come back when they were cut off."""

from pathlib import Path

from testkit.certificates import make_certificate
from testkit.cutting_proxy import CuttingProxy
from testkit.ecm_process import temporary_folder
from tests.interop import ecm
from tests.interop.conversation import Client
from tests.interop.proxies import Proxy
from tests.interop.talk import TalkTestCase

# A hundred kilobytes; and so many for clients that have troubles with them.
LONG = "x\N{LATIN SMALL LETTER E WITH ACUTE}\u4e16\U0001f600" * 10_000
LONG_ASCII = "word " * 20_000 + "."


class StreamTestCase(TalkTestCase):
    """ECM for ``scheme``, with ``options``, behind a proxy that can cut its clients off.

    The schemes are ``ws``, ``wss``, ``xmpp`` (TCP with STARTTLS) and ``xmpps`` (with TLS at once).
    """

    timeout = 120
    scheme = "ws"
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.certificate = make_certificate(temporary_folder(self))
        self.authority = Path(temporary_folder(self), "ca.pem")
        self.authority.write_bytes(self.certificate.ca)

    async def serve(self, *arguments: str) -> str:
        """Start ECM for WebSocket, and return its URL, for pages."""
        arguments = (*self.options, *arguments)
        if self.scheme == "ws":
            site = await ecm.start(self, self.stack, *arguments)
        else:
            site = await ecm.start_tls(self, self.stack, self.certificate, *arguments)
        await self.stand_before(int(site.rpartition(":")[2]), "/ws")
        return site

    async def serve_behind(self, proxy: Proxy) -> None:
        """Start ECM for WebSocket, behind a proxy that has TLS where clients want it."""
        site = await ecm.start(self, self.stack, "--trusted-proxy", "127.0.0.1")
        files = self.certificate.in_one_file() if self.scheme == "wss" else None
        url = proxy.start(self, site.removeprefix("http://"), files)
        await self.stand_before(int(url.rpartition(":")[2]), "/ws")

    async def serve_tcp(self) -> None:
        """Start ECM for XMPP over TCP."""
        kind = {"xmpp": "starttls", "xmpps": "tls"}[self.scheme]
        folder = self.certificate.in_one_file().parent
        endpoint = f"{kind}:{folder}:port=0:interface=127.0.0.1"
        port = await ecm.start_tcp(self, self.stack, "--stream", endpoint, *self.options)
        await self.stand_before(port)

    async def serve_tcp_behind(self, proxy: Proxy) -> None:
        """The same behind a proxy that has the TLS, and sends PROXY headers."""
        endpoint = f"plain:{ecm.PLAIN}"
        port = await ecm.start_tcp(self, self.stack, "--stream-proxy-protocol", endpoint)
        url = proxy.start(self, f"127.0.0.1:{port}", self.certificate.in_one_file())
        await self.stand_before(int(url.rpartition(":")[2]))

    async def stand_before(self, port: int, path: str = "") -> None:
        """Have the proxy before ECM's port. Clients find it at ``self.url``."""
        self.proxy = CuttingProxy(port)
        self.url = f"{self.scheme}://localhost:{await self.proxy.listen(self)}{path}"

    async def assert_resumes(
        self, client: Client, long: str = LONG, answer: str | None = None
    ) -> None:
        """Nobody notices that the client was cut off, and nothing is lost (XEP-0198).

        The client gets ``long``, and says the same, or ``answer``.
        """
        conversation = await self.meet(client, self.url)
        await conversation.chat(self.texts)
        await conversation.chat([long], None if answer is None else [answer])
        await conversation.client_says(self.texts[:5])
        port = await self.proxy.refuse()
        conversation.bob_says(self.texts[:5])
        await self.proxy.accept(port)
        await conversation.all_has_come()
        await conversation.chat(self.texts[:5])
        conversation.assert_present_all_the_time()
        await conversation.end()

    async def assert_returns(self, client: Client) -> None:
        """The client logs in once more, and gets what has been said to it meanwhile."""
        conversation = await self.meet(client, self.url)
        await conversation.chat(self.texts)
        await conversation.chat([LONG])
        port = await self.proxy.refuse()
        await conversation.is_gone()
        conversation.bob_says(self.texts[:5])
        await self.proxy.accept(port)
        await conversation.is_back()
        await conversation.all_has_come()
        await conversation.chat(self.texts[:5])
        await conversation.end()
