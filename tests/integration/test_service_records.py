"""Look-ups of SRV records over UDP, with twisted.names at both ends."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, fail
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.common import ResolverBase
from twisted.names.error import DNSNameError
from twisted.names.server import DNSServerFactory
from twisted.trial.unittest import TestCase

from ecm.upstream.lookup import Lookup, LookupFailed
from ecm.upstream.names import parse
from testkit.hosts import Hosts

NAME = b"_ecm._tcp.chat.example"


class Zone(ResolverBase):
    """A name server's knowledge."""

    def __init__(self, records: list[dns.Record_SRV]) -> None:
        super().__init__()
        self._records = records

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Any:
        found: Deferred[Any] = Deferred()
        if name.lower() != NAME or type != dns.SRV:
            return fail(DNSNameError(name))
        answers = [dns.RRHeader(name, dns.SRV, ttl=5, payload=each) for each in self._records]
        found.callback((answers, [], []))
        return found


class ServiceRecordTests(TestCase):
    def lookup(self, *records: dns.Record_SRV) -> Lookup:
        factory = DNSServerFactory(clients=[Zone([*records])])
        factory.noisy = False
        protocol = dns.DNSDatagramProtocol(controller=factory)
        port: Any = reactor.listenUDP(0, protocol, interface="127.0.0.1")  # type: ignore[attr-defined]
        self.addCleanup(port.stopListening)
        resolver = Resolver(servers=[("127.0.0.1", port.getHost().port)], timeout=(5,))
        return Lookup(Hosts(), resolver.lookupService)

    async def endpoints(self, lookup: Lookup) -> list[str]:
        name = parse(f"srv:tcp:{NAME.decode()}")
        assert name is not None
        return await lookup.endpoints(name)

    async def test_all_targets_of_the_first_priority(self) -> None:
        lookup = self.lookup(
            dns.Record_SRV(10, 1, 5290, b"one.example"),
            dns.Record_SRV(10, 99, 5291, b"two.example"),
            dns.Record_SRV(20, 1, 5292, b"two.example"),
            dns.Record_SRV(10, 1, 5293, b"no.example"),
        )
        found = ["tcp:192.0.2.1:5290", "tcp:192.0.2.2:5291", r"tcp:2001\:db8\:\:1:5290"]
        self.assertEqual(await self.endpoints(lookup), found)

    async def test_a_name_without_a_service(self) -> None:
        odd = (dns.Record_SRV(0, 0, 1, each) for each in (b"a:b", b"\xff.example", b"a b"))
        for records in ((), (dns.Record_SRV(0, 0, 0, b"."),), (*odd,)):
            with self.assertRaises(LookupFailed) as failed:
                await self.endpoints(self.lookup(*records))
            self.assertIn("has no SRV records of hosts", str(failed.exception))

    async def test_a_target_without_an_address(self) -> None:
        with self.assertRaises(LookupFailed) as failed:
            await self.endpoints(self.lookup(dns.Record_SRV(1, 1, 5290, b"no.example")))
        self.assertEqual(str(failed.exception), "no address of no.example is known")

    async def test_a_name_that_is_not_there(self) -> None:
        name = parse("srv:tcp:other.example")
        assert name is not None
        with self.assertRaises(LookupFailed) as failed:
            await self.lookup().endpoints(name)
        self.assertIn("no SRV records of other.example: ", str(failed.exception))
