"""Other people's clients over https, where ejabberd may offer SASL2 (XEP-0388) beside SASL."""

from pathlib import Path

from ecm.tools.ejabberd import installation
from testkit import browser
from testkit.browser import Browser
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from tests.interop import browser_client, ecm, pages
from tests.interop.converse import CONVERSE, ConverseClient
from tests.interop.converse import PAGE as CONVERSE_PAGE
from tests.interop.stanza import StanzaClient
from tests.interop.strophe import StropheClient
from tests.interop.talk import TalkTestCase


def has_sasl2() -> bool:
    """Return whether the ejabberd that is chosen has it."""
    return installation.find().version >= "24.10"


class HttpsTests(TalkTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = temporary_folder(self)
        self.certificate = make_certificate(self.folder)

    def trust(self) -> None:
        """Let pages be shown in a browser that knows the key of ECM."""
        known = f"--ignore-certificate-errors-spki-list={self.certificate.spki}"
        self.patch(browser, "FLAGS", (*browser.FLAGS, known))
        chromium = Browser()
        self.addCleanup(chromium.stop)
        self.patch(browser_client, "shared_browser", lambda _: chromium)

    async def test_strophe(self) -> None:
        self.trust()
        site = await ecm.start_tls(self, self.stack, self.certificate)
        await self.assert_talks(StropheClient(self), f"{site}/http-bind")

    async def test_strophe_that_is_offered_sasl2(self) -> None:
        self.trust()
        site = await ecm.start_tls(self, self.stack, self.certificate)
        client = StropheClient(self, says_who_it_is=True)
        await self.assert_talks(client, f"{site}/http-bind")
        self.assertEqual(await client.value("session.sasl2"), has_sasl2())

    async def test_converse(self) -> None:
        self.trust()
        files = pages.folder_with(self, [CONVERSE_PAGE, *CONVERSE.iterdir()])
        site = await ecm.start_tls(self, self.stack, self.certificate, "--www", str(files))
        await self.assert_talks(ConverseClient(self, site), f"{site}/http-bind")

    async def test_stanza(self) -> None:
        authority = Path(self.folder, "ca.pem")
        authority.write_bytes(self.certificate.ca)
        site = await ecm.start_tls(self, self.stack, self.certificate)
        client = StanzaClient(self, {"NODE_EXTRA_CA_CERTS": str(authority)})
        await self.assert_talks(client, f"{site}/http-bind")
