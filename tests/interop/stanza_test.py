"""stanza, a library for Node and browsers, in Node."""

from tests.interop.stanza import StanzaClient
from tests.interop.talk import TalkTestCase


class StanzaTests(TalkTestCase):
    async def test_talk(self) -> None:
        await self.assert_talks(StanzaClient(self))
