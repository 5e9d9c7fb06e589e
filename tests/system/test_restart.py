"""ejabberd is killed while two people chat, and comes back: ECM outlives it."""

import os
import signal

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from testkit.bosh_client import BoshClient, Refused, http_client
from testkit.stack import start_stack
from testkit.stanzas import message

# What a request gets that ejabberd had, and one that waited for it to come back, on a slow machine.
REFUSALS = ("503", "item-not-found")

PAUSE = 0.1  # seconds between two attempts of a client to come back


class RestartTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.stack = start_stack()
        self.addCleanup(self.stack.stop)
        self.http = http_client(self)

    async def test_chat_goes_on_after_ejabberd_was_killed(self) -> None:
        ecm = self.stack.pid("ecm")
        alice, bob = await self.chat()

        os.kill(self.stack.pid("ejabberd"), signal.SIGKILL)
        for client in (alice, bob):
            with self.assertRaises(Refused) as refused:
                await client.message()
            self.assertIn(str(refused.exception), REFUSALS)

        alice, bob = await self.chat()
        self.assertEqual(self.stack.pid("ecm"), ecm)
        for client in (alice, bob):
            await client.terminate()

    async def chat(self) -> tuple[BoshClient, BoshClient]:
        """Alice and Bob log in, as soon as they are let, and say hello to each other."""
        alice, bob = await self.log_in("alice"), await self.log_in("bob")
        alice.send(message(bob.jid, "hello Bob"))
        self.assertEqual((await bob.message())[1], "hello Bob")
        bob.send(message(alice.jid, "hello Alice"))
        self.assertEqual((await alice.message())[1], "hello Alice")
        return alice, bob

    async def log_in(self, name: str) -> BoshClient:
        client = BoshClient(self.http, self.stack.bosh, self.stack.domain)
        await self.create(client)
        await client.login(name, self.stack.users[name])
        return client

    async def create(self, client: BoshClient) -> None:
        while True:
            try:
                await client.create()
                return
            except Refused as refused:
                self.assertEqual(str(refused), "503")
                await deferLater(reactor, PAUSE)
