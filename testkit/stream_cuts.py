"""A link that is cut at random while people talk over streams: nobody notices, nothing is lost.

``ECM_CUTS=60`` is the whole of it: 100 pairs, and 60 cuts in 15 seconds.
"""

import os
from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import ensureDeferred

from testkit.cut_talk import AHEAD, cut, silence, talk
from testkit.link_case import Front
from testkit.listeners import LINK_TIMEOUT, PING_INTERVAL
from testkit.stream_case import StreamUserCase

CUTS = int(os.environ.get("ECM_CUTS", "12"))
PAIRS = CUTS * 5 // 3
SECONDS = CUTS / 4  # of some, ECM has no new connection yet when the next one comes

Breaking = Coroutine[Any, Any, None]

_PATIENCE = ("--link-timeout", str(LINK_TIMEOUT), "--ping-interval", str(PING_INTERVAL))


class CutCase(StreamUserCase):
    timeout = 90 + 5 * CUTS

    async def talk_while(self, breaking: Breaking, front: Front, pairs: int) -> int:
        """Let so many pairs talk as long as something breaks. Returns the number of messages."""
        users = await self.users(front, 2 * pairs)
        broken = ensureDeferred(breaking)
        said = await talk(zip(users[::2], users[1::2], strict=True), lambda: broken.called)
        await broken
        self.assert_nobody_noticed(front)
        await self.leave(users)
        return said

    async def test_cuts_at_random_times(self) -> None:
        front, proxy = await self.proxied("typed")
        said = await self.talk_while(cut(proxy, CUTS, SECONDS), front, PAIRS)
        self.assertEqual(proxy.cuts, CUTS)
        self.assertGreater(said, 4 * AHEAD * PAIRS)  # twice as much as without any answer

    async def test_a_silence_that_one_end_finds(self) -> None:
        front, proxy = await self.proxied("impatient", *_PATIENCE)
        said = await self.talk_while(silence(proxy, front.process), front, 2)
        self.assertIn("link broken", front.process.output)
        self.assertEqual(proxy.cuts, 0)
        self.assertGreater(said, 40)
