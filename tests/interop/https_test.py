"""Other people's clients over https, where ejabberd may offer SASL2 (XEP-0388) beside SASL."""

from pathlib import Path

from ecm.tools.ejabberd import installation
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from tests.interop import ecm, pages
from tests.interop.browser_client import trust
from tests.interop.converse import CONVERSE, ConverseClient
from tests.interop.converse import PAGE as CONVERSE_PAGE
from tests.interop.program import STANZA, ProgramClient
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

    async def test_strophe(self) -> None:
        trust(self, self.certificate)
        site = await ecm.start_tls(self, self.stack, self.certificate)
        await self.assert_talks(StropheClient(self), f"{site}/http-bind")

    async def test_strophe_that_is_offered_sasl2(self) -> None:
        trust(self, self.certificate)
        site = await ecm.start_tls(self, self.stack, self.certificate)
        client = StropheClient(self, says_who_it_is=True)
        await self.assert_talks(client, f"{site}/http-bind")
        self.assertEqual(await client.value("session.sasl2"), has_sasl2())

    async def test_converse(self) -> None:
        trust(self, self.certificate)
        files = pages.folder_with(self, [CONVERSE_PAGE, *CONVERSE.iterdir()])
        site = await ecm.start_tls(self, self.stack, self.certificate, "--www", str(files))
        await self.assert_talks(ConverseClient(self, site), f"{site}/http-bind")

    async def test_stanza(self) -> None:
        authority = Path(self.folder, "ca.pem")
        authority.write_bytes(self.certificate.ca)
        site = await ecm.start_tls(self, self.stack, self.certificate)
        client = ProgramClient(self, STANZA, authority)
        await self.assert_talks(client, f"{site}/http-bind")
