"""A link over TCP, over TLS and over a UNIX socket."""

from testkit.link_case import LinkTestCase


class TransportTests(LinkTestCase):
    async def test_tcp(self) -> None:
        await self.assert_chat_crosses_a_typed_link("typed")

    async def test_tls(self) -> None:
        await self.assert_chat_crosses_a_typed_link("tls")

    async def test_unix_socket(self) -> None:
        await self.assert_chat_crosses_a_typed_link("unix")

    async def assert_chat_crosses_a_typed_link(self, listener: str) -> None:
        front = await self.front(listener)
        await front.process.printed("link up: typed")
        await self.assert_chat_crosses(front)
