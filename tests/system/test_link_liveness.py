"""One end of a link freezes, or ejabberd stops: the other end learns of it, and goes on after."""

import os
import signal
from typing import Any

from treq import content, post
from twisted.internet.defer import Deferred, ensureDeferred

from testkit.bosh_client import Refused
from testkit.link_case import Front, LinkTestCase
from testkit.listeners import LINK_TIMEOUT, PING_INTERVAL

IMPATIENT = (
    *("--queue-timeout", "0"),
    *("--ping-interval", str(PING_INTERVAL), "--link-timeout", str(LINK_TIMEOUT)),
)


class FrozenTests(LinkTestCase):
    async def test_ejabberd_freezes_and_comes_back(self) -> None:
        front = await self.front("typed", *IMPATIENT)
        await front.process.printed("link up")

        self.freeze(self.ejabberd.pid)
        await front.process.printed(f"link broken.*nothing came for {LINK_TIMEOUT} seconds")
        await self.assert_clients_are_asked_to_try_again(front)

        self.unfreeze(self.ejabberd.pid)
        await front.process.printed("(?s)link broken.*link resumed")
        await self.assert_chat_crosses(front)

    async def test_ecm_freezes_and_comes_back(self) -> None:
        front = await self.front("impatient")
        ecm = front.process.transport.pid
        await front.process.printed("link up")

        self.freeze(ecm)
        await self.log.printed(
            f"ECM link .* is down: silent: nothing came for {LINK_TIMEOUT} seconds"
        )

        self.unfreeze(ecm)
        await front.process.printed("(?s)link broken.*link resumed")
        await self.assert_chat_crosses(front)

    async def assert_clients_are_asked_to_try_again(self, front: Front) -> None:
        response = await post(front.bosh, data=b"<body/>", persistent=False)
        self.assertEqual(response.code, 503)
        self.assertTrue(response.headers.hasHeader("Retry-After"))
        self.assertEqual(response.headers.getRawHeaders("Access-Control-Allow-Origin"), ["*"])
        self.assertIn(b"no link to the chat server", await content(response))

    def freeze(self, pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.unfreeze, pid)

    def unfreeze(self, pid: int) -> None:
        os.kill(pid, signal.SIGCONT)


class StopTests(LinkTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(self.ejabberd.stop)

    async def test_with_ejabberdctl(self) -> None:
        front, held = await self.holding()
        stopping = ensureDeferred(self.ejabberd.control("stop"))
        refused = await self.all_are_told(front, held)
        self.assertIn("system-shutdown", str(refused[0]))
        await stopping

    async def test_with_sigterm(self) -> None:
        """Sessions and links end at the same time: people may be told by either."""
        front, held = await self.holding()
        os.kill(self.ejabberd.pid, signal.SIGTERM)
        await self.all_are_told(front, held)

    async def holding(self) -> tuple[Front, list[Deferred[Any]]]:
        """Return an ECM, and what two people there wait for; the first one's request is held."""
        front = await self.front("typed", "--queue-timeout", "0")
        await front.process.printed("link up")
        client, friend = [await self.log_in(self.client(front)) for _ in range(2)]
        return front, [await self.held(client, friend), ensureDeferred(friend.message())]

    async def all_are_told(self, front: Front, held: list[Deferred[Any]]) -> list[Refused]:
        """ECM sends nothing more, and people learn that their sessions have ended."""
        await front.process.printed("ejabberd is draining: ECM sends it no more requests")
        status, _ = await self.post("/http-bind", b"<body/>")
        self.assertEqual(status, 503)
        refused = [await self.assertFailure(each, Refused) for each in held]
        await front.process.printed("(?s)ejabberd is draining.*link down")
        return refused
