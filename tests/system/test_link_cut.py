"""A link that resumes, with a real mod_ecm: it is cut while people chat, and nobody notices."""

from twisted.internet.task import LoopingCall

from testkit.link_case import Front
from testkit.proxied_link import ProxiedLinkTestCase

# A request of 4 kB can carry this, and an answer of 4 kB, with the sender's name, cannot.
LONG = "x" * 3500

WORKERS = 3


class CutTests(ProxiedLinkTestCase):
    async def cut_while_they_chat(self, listener: str, abort: bool, *arguments: str) -> Front:
        """Cut it again and again. Returns ECM."""
        front, proxy = await self.proxied(listener, *arguments)
        cuts = LoopingCall(proxy.cut, abort)
        done = cuts.start(0.4, now=False)
        await self.chat(front, "hello")
        cuts.stop()
        await done
        self.assertGreater(proxy.cuts, 2)
        await front.process.printed("link resumed")
        self.assert_nobody_noticed(front)
        return front

    async def test_it_is_cut_again_and_again_while_people_chat(self) -> None:
        for abort in (True, False):
            await self.cut_while_they_chat("typed", abort)

    async def test_a_link_with_tls_is_cut_while_people_chat(self) -> None:
        for abort in (True, False):
            await self.cut_while_they_chat("tls", abort)

    async def test_the_links_of_all_workers_are_cut_at_once_while_people_chat(self) -> None:
        front = await self.cut_while_they_chat("typed", True, "--workers", str(WORKERS))
        for number in range(1, WORKERS + 1):
            await front.process.printed(f"worker {number}: link resumed")

    async def test_it_is_cut_within_answers_in_parts(self) -> None:
        front, proxy = await self.proxied("typed", "--max-packet", "4096", "--max-body", "3900")
        again = LoopingCall(lambda: setattr(proxy, "cut_after", 30_000))
        done = again.start(0.5, now=False)
        await self.chat(front, LONG)
        again.stop()
        await done
        self.assertGreater(proxy.cuts, 2)
        self.assert_nobody_noticed(front)
