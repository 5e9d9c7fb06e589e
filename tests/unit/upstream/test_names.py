"""Names that stand for nodes: what they are, and the endpoints that come of them."""

from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

from ecm.upstream.names import NodeName, parse

NAMES = {
    "dns:tcp:chat.example:5290": (False, False, "chat.example", 5290, ()),
    "dns:tls:a-1.b:1:timeout=3": (False, True, "a-1.b", 1, ("timeout=3",)),
    "srv:tcp:_ecm._tcp.a": (True, False, "_ecm._tcp.a", 0, ()),
    "srv:tls:a:x=1:y=c\\:d": (True, True, "a", 0, ("x=1", "y=c\\:d")),
}
MISTAKES = (
    *("dns:", "dns:tcp", "dns:tcp:a", "dns:tcp:a:", "dns:tcp:a:0", "dns:tcp:a:65536"),
    *("dns:tcp:a:x", "dns:tcp::1", "dns:udp:a:1", "dns:a:1", "dns:tcp:a b:1", "dns:tcp:\u00e4:1"),
    *("dns:tcp:a..b:1", f"dns:tcp:{64 * 'a'}:1", f"srv:tcp:{128 * 'a.'}"),
    *("srv:tcp:a:5290", "srv:tls:a:5290:x=1", "dns:tcp:a:1:b", "dns:tcp:a:1:"),
    *("dns:tcp:a:\u0663", "srv:", "srv:tcp", "srv:tcp:", "srv:a", "srv:unix:a", "srv:tcp:a/b"),
)


class NameTests(TestCase):
    def test_names(self) -> None:
        for text, parts in NAMES.items():
            self.assertEqual(parse(text), NodeName(text, *parts))

    def test_endpoints_are_none(self) -> None:
        for text in ("tcp:dns:1", "unix:/srv:tcp:a", "tls:a:1", "", "dnssrv:tcp:a"):
            self.assertIsNone(parse(text))

    def test_mistakes_say_what_to_give(self) -> None:
        for text in MISTAKES:
            error = self.assertRaises(ValueError, parse, text)
            self.assertIn(f"give {text[:3]}:tcp:", str(error), text)

    def test_each_address_is_an_endpoint(self) -> None:
        for text in ("dns:tcp:a:1:timeout=3", "dns:tls:a:1:timeout=3", "srv:tcp:b", "srv:tls:b"):
            for address in ("192.0.2.7", "2001:db8::7"):
                name, reactor = parse(text), MemoryReactorClock()
                assert name is not None
                endpoint = clientFromString(reactor, name.endpoint("a", address, 5290))
                endpoint.connect(Factory())
                self.assertEqual(reactor.tcpClients[0][:2], (address, 5290), text)

    def test_a_certificate_is_that_of_the_host(self) -> None:
        name = parse("srv:tls:_ecm._tcp.a:timeout=3")
        assert name is not None
        self.assertEqual(
            name.endpoint("one.example", "2001:db8::7", 5290),
            r"tls:one.example:5290:endpoint=tcp\:2001\\\:db8\\\:\\\:7\:5290:timeout=3",
        )
