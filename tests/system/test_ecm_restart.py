"""ECM is stopped while people wait for messages: their sessions answer at once, and live on."""

import signal
from xml.etree.ElementTree import Element

from twisted.internet.defer import Deferred

from ecm.net.reactor import global_reactor
from testkit.bosh_client import BoshClient
from testkit.ecm_process import temporary_folder
from testkit.link_case import Front, LinkTestCase, bare
from testkit.process import script, start
from testkit.stanzas import message

PEOPLE = 20

reactor = global_reactor()


class StopTests(LinkTestCase):
    async def waiting(self, front: Front) -> tuple[list[BoshClient], list[Deferred[Element]]]:
        """Return people at an ECM, and the answers for which they wait."""
        clients = [await self.log_in(self.client(front)) for _ in range(PEOPLE)]
        friend = await self.log_in(self.client(front))
        held = [await self.held(client, friend) for client in clients]
        await friend.terminate()
        return clients, held

    async def stopped(self, *arguments: str) -> list[BoshClient]:
        """Stop an ECM while people wait, with a drain that would outlast the test."""
        front = await self.front("typed", "--drain-timeout", "3600", *arguments)
        clients, held = await self.waiting(front)
        front.process.signal(signal.SIGTERM)
        for answered in held:
            self.assertEqual(len(await answered), 0)  # elements
        self.assertEqual(await front.process.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", front.process.output)
        return clients

    async def assert_they_talk(self, clients: list[BoshClient]) -> None:
        """They go on with their sessions, over another ECM."""
        front = await self.front("typed")
        for client in clients:
            client.move(front.bosh)
        for sender, receiver in zip(clients, clients[1:] + clients[:1], strict=True):
            sender.send(message(receiver.jid, "still here"))
            self.assertEqual(await receiver.message(), (bare(sender), "still here"))
        for client in clients:
            await client.terminate()

    async def test_a_drain_answers_them_one_after_the_other(self) -> None:
        """None sees an error, and all can go on at once, at this ECM or another one."""
        for workers in ("1", "2"):
            admin = f"unix:{temporary_folder(self)}/admin.sock"
            front = await self.front("typed", "--workers", workers, "--admin", admin)
            clients, held = await self.waiting(front)
            ctl = start(self, script("ecmctl"), "--admin", admin, "drain", "5s")
            self.assertEqual(await ctl.ended, 0)
            began = reactor.seconds()
            await held[0]
            self.assertFalse(all(each.called for each in held))
            for answered in held:
                self.assertEqual(len(await answered), 0)  # elements
            self.assertLess(reactor.seconds() - began, 10)
            await self.assert_they_talk(clients)

    async def test_held_requests_are_answered_at_once_and_the_next_ecm_goes_on(self) -> None:
        await self.assert_they_talk(await self.stopped())

    async def test_those_of_all_workers_are(self) -> None:
        await self.assert_they_talk(await self.stopped("--workers", "2"))
