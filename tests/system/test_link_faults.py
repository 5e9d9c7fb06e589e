"""Faults of a link with a real mod_ecm, beside a cut: half-open, silent, without end, frozen."""

import os
import signal

from twisted.internet.defer import ensureDeferred

from ecm.limits import MAX_QUEUE_AGE
from testkit.bosh_client import CLIENT, Refused
from testkit.cutting_proxy import CuttingProxy
from testkit.link_case import Front
from testkit.listeners import LINK_TIMEOUT, PING_INTERVAL
from testkit.proxied_link import LOST, ProxiedLinkTestCase
from testkit.stanzas import message

IMPATIENT = ("--ping-interval", str(PING_INTERVAL), "--link-timeout", str(LINK_TIMEOUT))

# Seconds, of an ECM that does not keep links for long.
SHORT_GRACE = ("--link-grace", "1")


class SilenceTests(ProxiedLinkTestCase):
    """The connection stays and passes nothing on; a new one does."""

    async def found(self, front: Front, proxy: CuttingProxy, *, ejabberd: bool, ecm: bool) -> None:
        """The link resumes, and what was said in the silence arrives, once and first."""
        one, other = await self.pair(front)
        proxy.silence(to_ejabberd=ejabberd, to_ecm=ecm)
        for sender, receiver in ((one, other), (other, one)):
            sender.send(message(receiver.jid, "in the silence"))
        await front.process.printed("(?s)link broken.*link resumed")
        for sender, receiver in ((one, other), (other, one)):
            await self.arrives(sender, receiver, "in the silence")
        await self.assert_chat(one, other)
        self.assert_nobody_noticed(front)

    async def test_a_link_that_is_dead_towards_ejabberd_is_found_by_ejabberd(self) -> None:
        front, proxy = await self.proxied("impatient")
        await self.found(front, proxy, ejabberd=True, ecm=False)
        await self.log.printed(f"is down: silent: nothing came for {LINK_TIMEOUT} seconds")
        self.assertIn("link broken: ejabberd says: silent", front.process.output)

    async def test_a_link_that_is_dead_towards_ecm_is_found_by_ecm(self) -> None:
        front, proxy = await self.proxied("typed", *IMPATIENT)
        await self.found(front, proxy, ejabberd=False, ecm=True)
        self.assertIn(f"link broken: nothing came for {LINK_TIMEOUT}", front.process.output)

    async def test_a_link_that_is_dead_in_both_directions_is_replaced(self) -> None:
        """mod_ecm believes that the old connection lives: the newer one wins."""
        front, proxy = await self.proxied("typed", *IMPATIENT)
        await self.found(front, proxy, ejabberd=True, ecm=True)
        await self.log.printed("is down: replaced")


class SlowTests(ProxiedLinkTestCase):
    """ejabberd is alive, and what is sent to it takes its time."""

    async def test_a_link_is_full_by_the_age_of_a_packet_and_nobody_is_refused(self) -> None:
        front, proxy = await self.proxied("typed")
        one, other = await self.pair(front)
        proxy.silence(to_ejabberd=True, to_ecm=False)
        one.send(message(other.jid, "on the way"))
        full = r"link congested: ([0-9]+) bytes wait, the oldest for ([0-9]+) seconds"
        told = await front.process.printed(full)
        self.assertLess(int(told[1]), 2000)
        self.assertGreaterEqual(int(told[2]), MAX_QUEUE_AGE)
        proxy.go_on()
        await front.process.printed("link writable again")
        await self.arrives(one, other, "on the way")
        await self.assert_chat(one, other)
        self.assertNotIn("link broken", front.process.output)


class GraceTests(ProxiedLinkTestCase):
    """The link is without a connection for longer than one end keeps it."""

    async def ends(self, listener: str, *arguments: str, ecm_is_first: bool) -> None:
        """Clients that wait are refused once. Sessions live, and nothing said is lost."""
        friend = await self.log_in(self.client(await self.front("typed")))
        front, proxy = await self.proxied(listener, *arguments)
        one, other = [await self.by_hand(front) for _ in range(2)]
        held = await self.held(one, friend)
        port = await proxy.refuse()
        await front.process.printed("link broken.*; 1 requests wait")
        said = ensureDeferred(other.ask(message(friend.jid, "from there")))
        friend.send(message(one.jid, "from here"))
        if ecm_is_first:
            await front.process.printed(f"link down: it has not resumed .*; 1 requests{LOST}")
        else:
            await self.log.printed("is over: ECM has not come back, [01] requests are dropped")
        await proxy.accept(port)
        if not ecm_is_first:
            await front.process.printed(f"link down: ejabberd does not know .*; 1 requests{LOST}")
        with self.assertRaises(Refused) as refused:
            await held
        self.assertEqual(str(refused.exception), "503")
        again = await one.ask_again()
        self.assertEqual([text.text for text in again.iter(f"{{{CLIENT}}}body")], ["from here"])
        await self.arrives(other, friend, "from there")
        friend.send(message(other.jid, "yes"))
        self.assertIsNotNone((await said).find(f".//{{{CLIENT}}}body"))
        for client in (one, other, friend):
            await client.terminate()

    async def test_that_of_ecm(self) -> None:
        await self.ends("typed", *SHORT_GRACE, ecm_is_first=True)

    async def test_that_of_ejabberd(self) -> None:
        await self.ends("forgetful", ecm_is_first=False)


class FrozenTests(ProxiedLinkTestCase):
    """ejabberd stands still for longer than ECM waits for a word of it, and goes on."""

    async def test_ejabberd_is_stopped_and_nobody_notices(self) -> None:
        front, _ = await self.proxied("typed", *IMPATIENT)
        one, other = await self.pair(front)
        os.kill(self.ejabberd.pid, signal.SIGSTOP)
        self.addCleanup(os.kill, self.ejabberd.pid, signal.SIGCONT)
        one.send(message(other.jid, "while it stands"))
        await front.process.printed(f"link broken: nothing came for {LINK_TIMEOUT}")
        os.kill(self.ejabberd.pid, signal.SIGCONT)
        await front.process.printed("link resumed")
        await self.arrives(one, other, "while it stands")
        await self.assert_chat(one, other)
        self.assert_nobody_noticed(front)
