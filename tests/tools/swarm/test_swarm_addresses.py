"""Addresses that the swarm connects to, and from."""

from twisted.trial.unittest import TestCase

from ecm.tools.swarm.addresses import MAX_SOURCES, Target, sources, target


class TargetTests(TestCase):
    def test_a_url(self) -> None:
        self.assertEqual(
            target("http://127.0.0.1:5280/http-bind"),
            Target("127.0.0.1", 5280, "127.0.0.1:5280", "/http-bind"),
        )
        self.assertEqual(
            target("http://127.0.0.1?a=b"), Target("127.0.0.1", 80, "127.0.0.1", "/?a=b")
        )

    def test_loopback(self) -> None:
        self.assertTrue(target("http://127.9.8.7/").is_loopback)
        self.assertFalse(target("http://192.0.2.1/").is_loopback)

    def test_what_is_no_target(self) -> None:
        for url in (
            *("https://127.0.0.1/", "127.0.0.1:5280", "http:///x", "http://127.0.0.1:99999/"),
            *("http://u:p@127.0.0.1/", "http://127.0.0.1/\u00e9", "http://127.0.0.1/a b\r\n"),
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
