"""A connection over lean TLS: OpenSSL is the client, and a protocol notes what comes."""

import gc
import ssl
import weakref
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    IProtocolNegotiationFactory,
    ISSLTransport,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from ecm.limits import READ_OF_RECORDS
from ecm.net import handshake as module
from ecm.net.lean_tls import LeanTls
from ecm.net.tls import folder_of_certificates
from ecm.net.transport import close_now, underlying
from ecm.tls.records import MAX_CONTENT
from testkit.certificates import Authority
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Transport
from testkit.tls_client import TlsClient, client_context, connected

OLDER = ssl.TLSVersion.TLSv1_2


@implementer(IHandshakeListener)
class Served(Protocol):
    """A client's protocol. ``early`` is called when the connection is made."""

    transport: Any

    def __init__(self, early: Any) -> None:
        self._early = early
        self.received = b""
        self.handshakes: list[bytes | None] = []
        self.held: list[int] = []
        self.faults: list[str] = []
        self.lost = 0

    def connectionMade(self) -> None:
        self._early(self.transport)

    def handshakeCompleted(self) -> None:
        self.handshakes.append(self.transport.negotiatedProtocol)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def held_changed(self) -> None:
        self.held.append(self.transport.held_by_tls)

    def tls_failed(self, why: str) -> None:
        self.faults.append(why)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost += 1


@implementer(IHalfCloseableProtocol)
class HalfClosed(Served):
    """One whose client may close its end, and read on."""

    def readConnectionLost(self) -> None:
        """It closes later."""

    def writeConnectionLost(self) -> None:
        """It knows."""


@implementer(IProtocolNegotiationFactory)
class ServedFactory(Factory):
    noisy = False

    def __init__(self, early: Any) -> None:
        self._early = early

    def buildProtocol(self, addr: object) -> Served:
        self.made = Served(self._early)
        return self.made

    def acceptableProtocols(self) -> list[bytes]:
        return [b"http/1.1"]


def nothing(_: object) -> None:
    """Do nothing when the connection is made."""


class LeanTestCase(TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder(self)
        self.root = Authority.root()
        certificate, key = self.root.sign("a.example")
        self.folder.joinpath("a.pem").write_bytes(certificate + key)
        self.door = folder_of_certificates(self.folder, lean=True)

    def begin(
        self, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, early: Any = nothing
    ) -> TlsClient:
        """Connect, and have ``early`` called with the transport before the handshake."""
        context = client_context(self.root.issuers, version)
        context.set_alpn_protocols(["http/1.1"])
        client = TlsClient(context, "a.example")
        served = ServedFactory(early)
        self.wire = Transport(Clock())
        connected(client, self.door.factory(served), self.wire)
        self.served = served.made
        return client

    def connect(self, early: Any = nothing) -> None:
        """Connect, without a word of the client's."""
        served = ServedFactory(early)
        protocol: Any = self.door.factory(served).buildProtocol(None)  # type: ignore[arg-type]
        self.wire = Transport(Clock())
        self.wire.protocol = protocol
        protocol.makeConnection(self.wire)
        self.served = served.made

    def send(self, data: bytes) -> bytes:
        """Have the server receive bytes; return what it has written."""
        self.wire.protocol.dataReceived(data)
        return self.wire.written()


class ServingTests(LeanTestCase):
    def test_data_goes_both_ways(self) -> None:
        client = self.begin()
        self.assertEqual(self.send(client.write(b"request") + client.write(b"s")), b"")
        self.assertEqual(self.served.received, b"requests")
        self.served.transport.write(b"ans")
        self.served.transport.writeSequence([b"w", b"er"])
        client.feed(self.wire.written())
        self.assertEqual(client.read(), b"answer")

    def test_the_handshake_is_told_once_with_the_protocol(self) -> None:
        client = self.begin()
        self.send(client.write(b"request"))
        self.assertEqual(self.served.handshakes, [b"http/1.1"])
        self.assertIsNone(self.served.transport.negotiatedProtocol)

    def test_what_is_written_before_the_handshake_is_sent_behind_it(self) -> None:
        client = self.begin(early=lambda transport: transport.write(b"welcome"))
        self.assertEqual(client.received, b"welcome")

    def test_it_says_what_half_a_record_holds(self) -> None:
        client = self.begin()
        sent = client.write(b"x" * 1000)
        for part in (sent[:3], sent[3:700], sent[700:] + sent[:2]):
            self.send(part)
        self.assertEqual(self.served.held, [3, 700, 2])
        self.assertEqual(self.served.received, b"x" * 1000)

    def test_it_says_nothing_where_records_come_whole(self) -> None:
        client = self.begin()
        self.send(client.write(b"x" * 1000) + client.write(b"y"))
        self.assertEqual(self.served.held, [])

    def test_who_sends_many_short_records_is_read_less_at_a_time(self) -> None:
        client = self.begin()
        before = self.wire.bufferSize
        long = client.write(b"x" * MAX_CONTENT)
        few = b"".join(client.write(b"y") for _ in range(64))
        many = b"".join(client.write(b"z") for _ in range(65))
        for sent in (long[:-1], long[-1:], few):
            self.send(sent)
            self.assertEqual(self.wire.bufferSize, before)
        self.send(many)
        self.assertEqual(self.wire.bufferSize, READ_OF_RECORDS)
        self.assertEqual(self.served.received, b"x" * MAX_CONTENT + b"y" * 64 + b"z" * 65)

    def test_a_connection_has_no_object_of_openssl(self) -> None:
        made: list[Any] = []

        class Noted(SSL.Connection):
            def __init__(self, *arguments: Any) -> None:
                super().__init__(*arguments)
                made.append(weakref.ref(self))

        self.patch(SSL, "Connection", Noted)
        gc.disable()
        self.addCleanup(gc.enable)
        client = self.begin()
        self.assertEqual([each() for each in made], [None])
        self.send(client.write(b"request"))
        self.assertEqual(self.served.received, b"request")

    def test_it_is_tls_over_the_transport_of_the_socket(self) -> None:
        self.begin()
        tls = self.served.transport
        self.assertIsInstance(tls, LeanTls)
        self.assertTrue(ISSLTransport.providedBy(tls))
        self.assertIs(underlying(tls), self.wire)
        tls.pauseProducing()
        self.assertTrue(self.wire.paused)
        self.assertEqual(tls.getPeer().host, "192.0.2.1")

    def test_another_protocol_may_take_the_connection(self) -> None:
        client = self.begin()
        other = Served(nothing)
        self.served.transport.wrappedProtocol = other
        self.send(client.write(b"request"))
        self.assertEqual((self.served.received, other.received), (b"", b"request"))


class EndTests(LeanTestCase):
    def closed(self, client: TlsClient) -> bytes:
        """Return what the client gets up to the end, which it is told."""
        client.feed(self.wire.written())
        data = client.read()
        self.assertEqual(client.tls.read(), b"")
        return data

    def test_we_close_behind_what_is_written_and_wait_for_the_client(self) -> None:
        client = self.begin()
        self.served.transport.write(b"last")
        self.served.transport.loseConnection()
        self.served.transport.loseWriteConnection()
        self.served.transport.write(b"late")
        self.assertEqual(self.closed(client), b"last")
        self.assertEqual((self.wire.half_closed, self.wire.connected), (True, True))
        self.send(client.write(b"late"))
        self.assertEqual(self.served.received, b"late")
        client.tls.unwrap()
        self.assertEqual(self.send(client.sent()), b"")
        self.assertEqual((self.wire.connected, self.served.lost), (False, 1))

    def test_the_client_closes_and_so_do_we(self) -> None:
        client = self.begin()
        sent = client.write(b"last")
        with self.assertRaises(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.feed(self.send(sent + client.sent()))
        client.tls.unwrap()
        self.assertEqual((self.served.received, self.served.lost), (b"last", 1))
        self.served.transport.loseConnection()
        self.served.transport.write(b"late")
        self.assertEqual(self.wire.written(), b"")

    def test_a_protocol_that_answers_behind_that_closes_itself(self) -> None:
        client = self.begin()
        self.served.__class__ = HalfClosed
        with self.assertRaises(ssl.SSLWantReadError):
            client.tls.unwrap()
        self.assertEqual(self.send(client.sent()), b"")
        self.assertEqual((self.served.lost, self.wire.connected), (0, True))
        self.served.transport.write(b"last")
        self.served.transport.loseConnection()
        client.feed(self.wire.written())
        self.assertEqual(client.tls.read(4), b"last")
        client.tls.unwrap()
        self.assertEqual((self.wire.half_closed, self.served.lost), (False, 1))

    def test_it_is_not_asked_once_it_has_closed(self) -> None:
        client = self.begin()
        self.served.__class__ = HalfClosed
        self.served.transport.loseConnection()
        client.feed(self.wire.written())
        client.tls.unwrap()
        self.send(client.sent())
        self.assertEqual((self.served.lost, self.wire.connected), (1, False))

    def test_a_forged_record_ends_it(self) -> None:
        client = self.begin()
        sent = bytearray(client.write(b"first") + client.write(b"forged"))
        sent[-1] ^= 1
        client.feed(self.send(bytes(sent)))
        with self.assertRaises(ssl.SSLError) as raised:
            client.tls.read()
        self.assertEqual(raised.exception.reason, "SSLV3_ALERT_BAD_RECORD_MAC")
        self.assertEqual((self.served.received, self.served.lost), (b"first", 1))
        self.assertEqual(self.served.faults, ["bad_record_mac"])

    def test_an_abort_sends_nothing(self) -> None:
        client = self.begin()
        self.served.transport.abortConnection()
        self.assertTrue(self.wire.aborted)
        self.served.transport.write(b"late")
        self.served.transport.loseConnection()
        self.wire.protocol.dataReceived(client.write(b"late"))
        self.assertEqual((self.wire.written(), self.served.received), (b"", b""))

    def test_a_protocol_may_abort_what_it_reads(self) -> None:
        """Eviction closes the socket before it returns."""
        client = self.begin()
        self.served.dataReceived = lambda data: close_now(self.served.transport)  # type: ignore[method-assign]
        self.send(client.write(b"some") + client.write(b"more")[:7])
        self.assertEqual((self.served.lost, self.served.held), (1, []))

    def test_a_closed_connection_leaves_nothing_to_the_collector(self) -> None:
        gc.disable()
        self.addCleanup(gc.enable)
        self.begin()
        served = weakref.ref(self.served)
        self.wire.connectionLost(connectionDone)
        del self.served.transport.factory.wrappedFactory.made, self.wire, self.served
        self.assertIsNone(served())

    def test_to_close_before_the_handshake_is_an_abort(self) -> None:
        self.connect(lambda transport: transport.loseConnection())
        self.assertEqual((self.wire.aborted, self.served.lost), (True, 1))

    def test_a_rejection_before_the_handshake_arrives(self) -> None:
        def reject(transport: Any) -> None:
            transport.write(b"503")
            transport.loseConnection()

        for version in (ssl.TLSVersion.TLSv1_3, OLDER):
            client = self.begin(version, reject)
            self.assertEqual(client.received, b"503")
            self.assertEqual(client.tls.read(), b"")

    def test_what_is_no_tls_is_closed(self) -> None:
        self.connect()
        self.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertEqual((self.served.received, self.served.lost), (b"", 1))

    def test_a_fault_of_the_handshake_is_the_last(self) -> None:
        self.patch(module, "MAX_CLIENT_HELLO", 10)
        self.connect()
        client = TlsClient(client_context(self.root.issuers), "a.example")
        hello = client.shake_hands()
        self.assertEqual(self.send(hello[:50]), b"")
        self.assertEqual(self.send(hello[50:]), b"")
        self.assertEqual(self.served.lost, 1)


class OlderTests(LeanTestCase):
    """Clients with TLS 1.2, which Twisted's TLS serves."""

    def test_data_goes_both_ways(self) -> None:
        client = self.begin(OLDER)
        self.assertEqual(client.tls.version(), "TLSv1.2")
        self.send(client.write(b"request"))
        self.assertEqual(self.served.received, b"request")
        self.assertEqual(self.served.handshakes, [b"http/1.1"])
        self.assertNotIsInstance(self.served.transport, LeanTls)
        self.assertIs(underlying(self.served.transport), self.wire)

    def test_the_end_is_told_once(self) -> None:
        self.begin(OLDER)
        self.wire.connectionLost(connectionDone)
        self.assertEqual(self.served.lost, 1)
