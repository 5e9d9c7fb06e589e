"""A test of links that go through a proxy, which breaks them, and people who chat meanwhile."""

import re

from twisted.internet.defer import Deferred, DeferredList, ensureDeferred

from testkit.bosh_client import BIND, BoshClient
from testkit.cutting_proxy import HOST, CuttingProxy
from testkit.link_case import PASSWORD, Front, LinkTestCase, bare
from testkit.stanzas import message

PAIRS = 10
MESSAGES = 30

# ECM logs so when it has given up a link.
LOST = " lost, answered 503"


class ProxiedLinkTestCase(LinkTestCase):
    timeout = 90

    async def proxied(self, listener: str, *arguments: str) -> tuple[Front, CuttingProxy]:
        """Return an ECM whose link is up, through a proxy."""
        upstream = self.ejabberd.listeners.upstream(listener)
        address = re.search(rf"{HOST}:([0-9]+)", upstream)
        assert address is not None
        proxy = CuttingProxy(int(address[1]))
        way = f"{HOST}:{await proxy.listen(self)}"
        front = await self.front_at(upstream.replace(address[0], way), *arguments)
        await front.process.printed("link up")
        return front, proxy

    async def pair(self, front: Front) -> tuple[BoshClient, BoshClient]:
        """Two people who are logged in, and poll."""
        one, other = [await self.log_in(self.client(front)) for _ in range(2)]
        return one, other

    async def by_hand(self, front: Front) -> BoshClient:
        """Somebody who is logged in, and asks only when the test does."""
        client = self.client(front)
        await client.authenticate(await self.register(client), PASSWORD)
        bound = await client.iq("set", f"<bind xmlns='{BIND}'/>")
        client.jid = bound.findtext(f".//{{{BIND}}}jid") or ""
        return client

    async def arrives(self, sender: BoshClient, receiver: BoshClient, text: str) -> None:
        """The next message that somebody gets is this one."""
        self.assertEqual(await receiver.message(), (bare(sender), text))

    async def assert_chat(self, one: BoshClient, other: BoshClient) -> None:
        """Each gets what the other says, and nothing else before. Then both leave."""
        for sender, receiver in ((one, other), (other, one)):
            sender.send(message(receiver.jid, "are you there?"))
            await self.arrives(sender, receiver, "are you there?")
        for client in (one, other):
            await client.terminate()

    async def _talk(self, sender: BoshClient, receiver: BoshClient, text: str) -> None:
        """Say numbered messages, each as soon as the one before has arrived."""
        for number in range(MESSAGES):
            sender.send(message(receiver.jid, f"{number} {text}"))
            await self.arrives(sender, receiver, f"{number} {text}")

    async def chat(self, front: Front, text: str) -> None:
        """Many people talk, each with another one."""
        talks: list[Deferred[None]] = []
        clients: list[BoshClient] = []
        for _ in range(PAIRS):
            sender, receiver = await self.pair(front)
            talks.append(ensureDeferred(self._talk(sender, receiver, text)))
            clients += (sender, receiver)
        await DeferredList(talks, fireOnOneErrback=True, consumeErrors=True)
        for client in clients:
            await client.terminate()

    def assert_nobody_noticed(self, front: Front) -> None:
        """No request has been refused because of the link."""
        self.assertIn("link resumed", front.process.output)
        self.assertNotIn(LOST, front.process.output)
