"""Converse, the chat client for web sites, in Chromium. ECM serves its files beside BOSH."""

from tests.interop import ecm, pages
from tests.interop.converse import CONVERSE, PAGE, ConverseClient
from tests.interop.talk import TalkTestCase


class ConverseTests(TalkTestCase):
    async def test_talk(self) -> None:
        files = pages.folder_with(self, [PAGE, *CONVERSE.iterdir()])
        site = await ecm.start(self, self.stack, "--www", str(files))
        await self.assert_talks(ConverseClient(self, site), f"{site}/http-bind")
