"""Sessions that have not logged in: of one address there are not many."""

import contextlib

from ecm.limits import RETRY_AFTER_MAX, RETRY_AFTER_MIN
from testkit.bosh_client import BoshClient, Refused, http_client
from testkit.link_case import PASSWORD, Front, LinkTestCase
from testkit.listeners import MAX_NEWCOMERS

CREATE = (
    b"<body rid='1' to='localhost' wait='1' hold='1' ver='1.6' xml:lang='en'"
    b" xmlns='http://jabber.org/protocol/httpbind'/>"
)


class NewcomersTests(LinkTestCase):
    async def strangers(self, front: Front, address: str) -> list[BoshClient]:
        """As many as may be, who begin sessions at this address."""
        strangers = [self.client(front, address) for _ in range(MAX_NEWCOMERS)]
        for stranger in strangers:
            await stranger.create()
        return strangers

    async def test_those_beyond_the_limit_are_asked_to_try_again(self) -> None:
        front = await self.front("guarded")
        known = await self.register(self.client(front, "127.0.0.41"))
        strangers = await self.strangers(front, "127.0.0.42")
        response = await http_client(self, "127.0.0.42").post(front.bosh, data=CREATE)
        self.assertEqual(response.code, 503)
        [seconds] = response.headers.getRawHeaders("Retry-After")
        self.assertIn(int(seconds), range(RETRY_AFTER_MIN, RETRY_AFTER_MAX + 1))
        await self.log.printed(r"New session from 127.0.0.42 refused: max_newcomers is")

        await strangers[0].login(known, PASSWORD)
        await self.client(front, "127.0.0.42").create()

    async def test_other_addresses_are_not_concerned(self) -> None:
        front = await self.front("guarded")
        await self.strangers(front, "127.0.0.43")
        await self.client(front, "127.0.0.44").create()

    async def test_those_who_leave_make_room(self) -> None:
        front = await self.front("guarded")
        strangers = await self.strangers(front, "127.0.0.45")
        await strangers[0].terminate()
        friend = self.client(front, "127.0.0.45")
        while not friend.session.sid:  # the process ends a moment after its last answer
            with contextlib.suppress(Refused):
                await friend.create()
