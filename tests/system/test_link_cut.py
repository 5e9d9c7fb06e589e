"""A link that resumes, with a real mod_ecm: it is cut while people chat, and nobody notices."""

import re

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.task import LoopingCall

from testkit.bosh_client import BoshClient
from testkit.cutting_proxy import HOST, CuttingProxy
from testkit.link_case import Front, LinkTestCase, bare
from testkit.stanzas import message

PAIRS = 10
MESSAGES = 30

# A request of 4 kB can carry this, and an answer of 4 kB, with the sender's name, cannot.
LONG = "x" * 3500


class CutTests(LinkTestCase):
    timeout = 90

    async def cutting(self, *arguments: str) -> tuple[Front, CuttingProxy]:
        """Return an ECM whose link goes through a proxy."""
        upstream = self.ejabberd.listeners.upstream("typed")
        port = re.search(r"[0-9]+$", upstream)
        assert port is not None
        proxy = CuttingProxy(int(port[0]))
        front = await self.front_at(f"tcp:{HOST}:{await proxy.listen(self)}", *arguments)
        await front.process.printed("link up")
        return front, proxy

    async def talk(self, sender: BoshClient, receiver: BoshClient, text: str) -> None:
        """Say numbered messages, each as soon as the one before has arrived."""
        for number in range(MESSAGES):
            said = f"{number} {text}"
            sender.send(message(receiver.jid, said))
            self.assertEqual(await receiver.message(), (bare(sender), said))

    async def chat(self, front: Front, text: str) -> None:
        talks: list[Deferred[None]] = []
        clients: list[BoshClient] = []
        for _ in range(PAIRS):
            sender, receiver = [await self.log_in(self.client(front)) for _ in range(2)]
            talks.append(ensureDeferred(self.talk(sender, receiver, text)))
            clients += (sender, receiver)
        await DeferredList(talks, fireOnOneErrback=True, consumeErrors=True)
        for client in clients:
            await client.terminate()

    async def test_it_is_cut_again_and_again_while_people_chat(self) -> None:
        for abort in (True, False):
            front, proxy = await self.cutting()
            cuts = LoopingCall(proxy.cut, abort)
            done = cuts.start(0.4, now=False)
            await self.chat(front, "hello")
            cuts.stop()
            await done
            self.assertGreater(proxy.cuts, 2)
            await front.process.printed("link resumed")
            self.assertNotIn(" lost, answered 503", front.process.output)

    async def test_it_is_cut_within_answers_in_parts(self) -> None:
        front, proxy = await self.cutting("--max-packet", "4096", "--max-body", "3900")
        again = LoopingCall(lambda: setattr(proxy, "cut_after", 30_000))
        done = again.start(0.5, now=False)
        await self.chat(front, LONG)
        again.stop()
        await done
        self.assertGreater(proxy.cuts, 2)
        self.assertNotIn(" lost, answered 503", front.process.output)
