"""ECM is stopped while people wait for messages: their sessions answer at once, and live on."""

import signal

from testkit.bosh_client import BoshClient
from testkit.link_case import LinkTestCase, bare
from testkit.stanzas import message

PEOPLE = 20


class StopTests(LinkTestCase):
    async def stopped(self, *arguments: str) -> list[BoshClient]:
        """Stop an ECM while people wait, with a drain that would outlast the test."""
        front = await self.front("typed", "--drain-timeout", "3600", *arguments)
        clients = [await self.log_in(self.client(front)) for _ in range(PEOPLE)]
        friend = await self.log_in(self.client(front))
        held = [await self.held(client, friend) for client in clients]
        await friend.terminate()
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

    async def test_held_requests_are_answered_at_once_and_the_next_ecm_goes_on(self) -> None:
        await self.assert_they_talk(await self.stopped())

    async def test_those_of_all_workers_are(self) -> None:
        await self.assert_they_talk(await self.stopped("--workers", "2"))
