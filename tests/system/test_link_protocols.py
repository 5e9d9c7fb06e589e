"""Plain and typed: which links come about between ECM and a listener that want either."""

from testkit.link_case import LinkTestCase


class ProtocolTests(LinkTestCase):
    async def test_what_nobody_has_said_is_typed(self) -> None:
        front = await self.front("typed")
        await front.process.printed("link up: typed, with megaphone@127.0.0.1")
        await self.log.printed("is up: typed, version 1")

    async def test_a_listener_that_takes_either(self) -> None:
        typed = await self.front("auto")
        await typed.process.printed("link up: typed, with megaphone@127.0.0.1")
        plain = await self.front("auto", "--link-mode", "plain")
        await plain.process.printed("link up: plain")
        await self.assert_chat_crosses(plain)
        await self.log.printed("is up: plain")

    async def test_a_plain_ecm_is_no_good_to_a_typed_listener(self) -> None:
        front = await self.front("typed", "--link-mode", "plain", "--queue-timeout", "0")
        await front.process.printed("link up: plain")
        status, _ = await self.post("/http-bind", b"<body/>")
        self.assertEqual(status, 503)
        await self.log.printed("is down: unexpected: hello must come first")

    async def test_a_plain_listener_is_for_those_who_ask_for_it(self) -> None:
        typed, plain = await self.front("plain"), await self.front("plain", "--link-mode", "plain")
        await plain.process.printed("link up: plain")
        await self.assert_chat_crosses(plain)
        await typed.process.printed("no link to ejabberd.*: no hello came for 5 seconds; .*\n")
        self.assertNotIn("link up", typed.process.output)

    async def test_ejabberds_web_port_is_no_link(self) -> None:
        """Plain or with TLS, it is given no request."""
        for listener in ("web", "web-tls"):
            front = await self.front(listener, "--queue-timeout", "0")
            await front.process.printed("no link to ejabberd.*; is that a mod_ecm[?]")
            status, _ = await self.post("/http-bind", b"<body/>")
            self.assertEqual(status, 503)
            self.assertNotIn("link up", front.process.output)
