"""Other people's clients over WebSocket, without TLS, over TLS, and over --lean-tls."""

from tests.interop import pages
from tests.interop.browser_client import trust
from tests.interop.converse import CONVERSE, PAGE, ConverseClient
from tests.interop.program import STANZA, XMPP_JS, ProgramClient
from tests.interop.stream_case import LONG_ASCII, StreamTestCase
from tests.interop.strophe import StropheClient


class WebSocketTests(StreamTestCase):
    async def test_strophe(self) -> None:
        """Strophe has no stream management."""
        self.browse()
        await self.serve()
        await self.assert_returns(StropheClient(self))

    async def test_converse(self) -> None:
        """Converse would take seconds to show a hundred kilobytes beyond ASCII."""
        self.browse()
        files = pages.folder_with(self, [PAGE, *CONVERSE.iterdir()])
        site = await self.serve("--www", str(files))
        await self.assert_resumes(ConverseClient(self, site), LONG_ASCII)

    async def test_stanza(self) -> None:
        await self.serve()
        await self.assert_resumes(ProgramClient(self, STANZA, self.authority))

    async def test_xmpp_js(self) -> None:
        await self.serve()
        await self.assert_resumes(ProgramClient(self, XMPP_JS, self.authority))

    def browse(self) -> None:
        """Have Chromium trust ECM."""
        if self.scheme == "wss":
            trust(self, self.certificate)


class WebSocketOverTlsTests(WebSocketTests):
    scheme = "wss"


class WebSocketOverLeanTlsTests(WebSocketOverTlsTests):
    options = ("--lean-tls",)
