"""Addresses that the swarm connects to, and from."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.addresses import MAX_SOURCES, Target, sources, target


class TargetTests(TestCase):
    def test_a_url(self) -> None:
        url = "http://127.0.0.1:7080/http-bind"
        expected = Target(url, "bosh", "", "127.0.0.1", 7080, "127.0.0.1:7080", "/http-bind")
        self.assertEqual(target(url), expected)
        url = "http://127.0.0.1?a=b"
        expected = Target(url, "bosh", "", "127.0.0.1", 80, "127.0.0.1", "/?a=b")
        self.assertEqual(target(url), expected)

    def test_what_a_url_says_of_the_transport(self) -> None:
        for url, transport, tls, port in (
            ("https://127.0.0.1/http-bind", "bosh", "direct", 443),
            ("ws://127.0.0.1/ws", "websocket", "", 80),
            ("wss://127.0.0.1/ws", "websocket", "direct", 443),
            ("xmpp://127.0.0.1", "tcp", "", 5222),
            ("xmpps://127.0.0.1/", "tls", "direct", 5223),
            ("xmpps://127.0.0.1:443", "tls", "direct", 443),
        ):
            found = target(url)
            self.assertEqual((found.transport, found.tls, found.port), (transport, tls, port))

    def test_another_transport(self) -> None:
        for url, transport, tls in (
            ("http://127.0.0.1/ws", "websocket", ""),
            ("https://127.0.0.1/ws", "websocket", "direct"),
            ("xmpp://127.0.0.1", "tls", "starttls"),
            ("xmpp://127.0.0.1", "tcp", ""),
            ("xmpps://127.0.0.1", "tls", "direct"),
        ):
            found = target(url, transport)
            self.assertEqual((found.transport, found.tls), (transport, tls))

    def test_a_transport_that_is_not_for_a_url(self) -> None:
        for url, transport in (
            ("ws://127.0.0.1/ws", "bosh"),
            ("http://127.0.0.1/", "tcp"),
            ("https://127.0.0.1/", "tls"),
            ("xmpp://127.0.0.1", "websocket"),
            ("xmpps://127.0.0.1", "tcp"),
        ):
            with self.assertRaisesRegex(ValueError, f"--transport {transport} and "):
                target(url, transport)

    def test_loopback(self) -> None:
        self.assertTrue(target("http://127.9.8.7/").is_loopback)
        self.assertFalse(target("http://192.0.2.1/").is_loopback)

    def test_what_is_no_target(self) -> None:
        for url in (
            *("ftp://127.0.0.1/", "127.0.0.1:7080", "http:///x", "http://127.0.0.1:99999/"),
            *("http://u:p@127.0.0.1/", "http://127.0.0.1/\u00e9", "http://127.0.0.1/a b\r\n"),
            "xmpp://127.0.0.1/ws",
        ):
            self.assertRaises(ValueError, target, url)


class SourceTests(TestCase):
    def test_ranges(self) -> None:
        self.assertEqual(
            sources("127.0.0.255-127.0.1.1"), ["127.0.0.255", "127.0.1.0", "127.0.1.1"]
        )
        self.assertEqual(sources("127.1.0.0/31,127.2.0.1"), ["127.1.0.0", "127.1.0.1", "127.2.0.1"])

    def test_what_is_no_range(self) -> None:
        for text in ("", "127.0.0", "127.0.0.1/24", "127.0.0.2-127.0.0.1", "::1", "x,"):
            self.assertRaises(ValueError, sources, text)

    def test_too_many(self) -> None:
        self.assertEqual(len(sources("127.1.0.0/16")), MAX_SOURCES)
        self.assertRaises(ValueError, sources, "127.0.0.0/8")
