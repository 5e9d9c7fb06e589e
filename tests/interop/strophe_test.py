"""Strophe, the library below Converse, JSXC, Candy and many others, in Chromium."""

from tests.interop.strophe import StropheClient
from tests.interop.talk import TalkTestCase


class StropheTests(TalkTestCase):
    async def test_talk(self) -> None:
        client = StropheClient(self)
        await self.assert_talks(client)
        self.assertEqual(client.browser.errors(), [])
