"""Plain, typed or auto: which links come about between ECM and a listener that want either."""

from tests.link_case import LinkTestCase


class ProtocolTests(LinkTestCase):
    async def test_auto_is_typed_with_auto(self) -> None:
        front = await self.front("auto")
        await front.process.printed("link up: typed, with megaphone@127.0.0.1")
        await self.log.printed("is up: typed, version 1")

    async def test_a_plain_ecm_and_auto(self) -> None:
        front = await self.front("auto", "--protocol", "plain")
        await front.process.printed("link up: plain")
        await self.assert_chat_crosses(front)
        await self.log.printed("is up: plain")

    async def test_a_plain_ecm_is_no_good_to_a_typed_listener(self) -> None:
        front = await self.front("typed", "--protocol", "plain", "--queue-timeout", "0")
        await front.process.printed("link up: plain")
        status, _ = await self.post("/http-bind", b"<body/>")
        self.assertEqual(status, 503)
        await self.log.printed("is down: unexpected: hello has to come first")

    async def test_a_plain_listener(self) -> None:
        """It answers no hello: after some seconds one ECM takes it as it is, and one does not."""
        auto, typed = await self.front("plain"), await self.front("plain", "--protocol", "typed")
        await auto.process.printed("link up: plain")
        await self.assert_chat_crosses(auto)
        await typed.process.printed("no link to ejabberd.*: no hello came for 5 seconds; .*\n")
