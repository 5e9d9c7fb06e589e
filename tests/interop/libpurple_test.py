"""libpurple, the library of Pidgin, Finch and Bitlbee, in Finch.

It says nothing of the type of its requests, but calls their encoding "text/xml; charset=utf-8",
which is none. It reads no chunked answers.
"""

from tests.interop.finch import FinchClient
from tests.interop.talk import TalkTestCase


class LibpurpleTests(TalkTestCase):
    async def test_talk(self) -> None:
        await self.assert_talks(FinchClient(self))
