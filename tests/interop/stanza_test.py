"""stanza, a library for Node and browsers, in Node."""

from tests.interop.program import STANZA, ProgramClient
from tests.interop.talk import TalkTestCase


class StanzaTests(TalkTestCase):
    async def test_talk(self) -> None:
        await self.assert_talks(ProgramClient(self, STANZA))
