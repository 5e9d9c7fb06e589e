"""Requests behind one that is held, on the same connection: none may wait for its answer."""

from typing import cast

from treq.client import HTTPClient

from testkit.bosh_client import CLIENT, WAIT, BoshClient
from testkit.stanzas import message
from tests.interop import pipelining
from tests.interop.talk import PASSWORD, TalkTestCase


class PipeliningClient:
    def __init__(self, test: TalkTestCase) -> None:
        self._test = test

    async def come(self, url: str, jid: str, password: str) -> str:
        name, _, domain = jid.partition("@")
        self.pipeline = await pipelining.connect(self._test, url)
        self._bosh = BoshClient(cast(HTTPClient, self.pipeline), url, domain)
        await self._bosh.create()
        await self._bosh.login(name, password)
        self._bosh.send(f"<presence xmlns='{CLIENT}'/>")
        return self._bosh.jid

    async def say(self, to: str, texts: list[str]) -> None:
        for text in texts:
            self._bosh.send(message(to, text))

    async def hear(self, count: int) -> list[str]:
        return [(await self._bosh.message())[1] for _ in range(count)]

    async def leave(self) -> None:
        await self._bosh.terminate()


class PipeliningTests(TalkTestCase):
    timeout = WAIT - 5  # seconds; what has waited for a held request comes later

    async def test_talk(self) -> None:
        client = PipeliningClient(self)
        await self.assert_talks(client)
        self.assertEqual(client.pipeline.deepest, 2)

    async def test_a_message_does_not_wait_for_news(self) -> None:
        bob = await self.bob()
        client = PipeliningClient(self)
        await client.come(self.stack.bosh, self.address(self.name), PASSWORD)
        for text in self.texts:
            await client.say(bob.jid, [text])
            self.assertEqual(await bob.message(), (self.address(self.name), text))
        await client.leave()
        await bob.terminate()
