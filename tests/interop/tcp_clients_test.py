"""Other people's clients over TCP, with STARTTLS and with TLS at once, and over --lean-tls."""

from tests.interop.finch import FinchClient
from tests.interop.go_sendxmpp import GoSendxmppClient
from tests.interop.profanity import ProfanityClient
from tests.interop.program import SLIXMPP, XMPP_JS, ProgramClient
from tests.interop.stream_case import LONG, LONG_ASCII, StreamTestCase

LINE = "x\N{LATIN SMALL LETTER E WITH ACUTE}\u4e16\U0001f600" * 100


class StartTlsTests(StreamTestCase):
    scheme = "xmpp"

    async def test_slixmpp(self) -> None:
        await self.serve_tcp()
        await self.assert_resumes(ProgramClient(self, SLIXMPP, self.authority))

    async def test_xmpp_js(self) -> None:
        await self.serve_tcp()
        """xmpp.js decodes each piece of the stream alone, as if no character lay in two."""
        client = ProgramClient(self, XMPP_JS, self.authority)
        await self.assert_resumes(client, LONG_ASCII)

    async def test_profanity(self) -> None:
        """It would take long to type what is long."""
        await self.serve_tcp()
        await self.assert_resumes(ProfanityClient(self, self.authority), answer=LINE)

    async def test_finch(self) -> None:
        """Its log, in which it is observed, has lost each character that came in two pieces."""
        await self.serve_tcp()
        client = FinchClient(self, self.certificate.certificate)
        conversation = await self.meet(client, self.url)
        await conversation.chat(["word <&>"] * len(self.texts), self.texts)
        await conversation.end()

    async def test_go_sendxmpp(self) -> None:
        """It has no stream management, ends with its connection, and reads lines of 64 kB."""
        await self.serve_tcp()
        conversation = await self.meet(GoSendxmppClient(self, self.authority), self.url)
        await conversation.chat([*self.texts[:5], LONG], [*self.texts[:5], "\n".join([LINE] * 100)])
        await conversation.end()


class DirectTlsTests(StartTlsTests):
    scheme = "xmpps"


class LeanStartTlsTests(StartTlsTests):
    options = ("--lean-tls",)


class LeanDirectTlsTests(DirectTlsTests):
    options = ("--lean-tls",)
