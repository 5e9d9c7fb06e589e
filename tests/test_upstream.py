"""The link: its protocol, and the service that keeps it up."""

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from ecm import limits
from ecm.packet import encode
from ecm.table import ConnectionTable
from ecm.upstream import link_service
from tests.joined import FIRST_ID, Joined, Transport


def lines(observer: EventLoggingObserver, namespace: str) -> list[str]:
    """What the modules of a namespace have logged, a text each."""
    return [formatEvent(event) for event in observer if event.get("log_namespace", "") == namespace]


class LinkProtocolTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined()

    def test_many_packets_in_one_read_all_reach_their_clients(self) -> None:
        clients = [self.ecm.client() for _ in range(3)]
        for client in clients:
            client.post(b"")
        self.ecm.link.dataReceived(b"".join(encode(FIRST_ID + at, b"%d" % at) for at in range(3)))
        for at, client in enumerate(clients):
            self.assertTrue(client.transport.written().endswith(b"\r\n\r\n%d" % at))

    def test_bytes_that_are_no_packet_close_the_link_with_one_line(self) -> None:
        client = self.ecm.client()
        client.post(b"")
        self.ecm.link.dataReceived(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.assertFalse(self.ecm.link_transport.connected)
        self.assertFalse(self.ecm.table.linked)
        self.assertIn(b" 503 ", client.transport.written())
        self.assertEqual(self.ecm.table.counters.malformed, 1)
        [line] = [line for line in lines(self.log, "ecm.upstream") if "no packet" in line]
        self.assertIn("length-not-decimal: b'HTTP/1.1 400 Bad Request\\r\\nContent-L", line)

    def test_what_is_said_about_the_link_itself_is_passed_over(self) -> None:
        self.ecm.answer(0, b"hello version=1")
        self.assertTrue(self.ecm.link_transport.connected)
        self.assertEqual(self.ecm.table.counters.late, 0)

    def test_up_and_down_are_logged(self) -> None:
        self.ecm.client().post(b"")
        self.ecm.link_down()
        up, down = lines(self.log, "ecm.upstream")
        self.assertEqual(up, "link up")
        self.assertIn("link down, with 1 requests unanswered: ", down)


@implementer(IStreamClientEndpoint)
class Endpoint:
    """Connects in memory, or refuses, as the test says."""

    refuses = False

    def __init__(self) -> None:
        self.connections: list[IProtocol] = []
        self.attempts = 0

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts += 1
        if self.refuses:
            return fail(ConnectionRefusedError())
        protocol = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        transport = Transport(Clock())
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self.connections.append(protocol)
        connected: Deferred[IProtocol] = Deferred()
        connected.callback(protocol)
        return connected


class LinkServiceTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.clock = Clock()
        self.endpoint = Endpoint()
        self.table = ConnectionTable(1, 10)
        self.service = link_service(
            self.endpoint, "tcp:test", self.table, 65_536, 65_536, self.clock
        )

    def start(self) -> None:
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def wait_for_attempt(self) -> float:
        """Move the clock until the next attempt, and return the seconds that this took."""
        before, attempts = self.clock.seconds(), self.endpoint.attempts
        while self.endpoint.attempts == attempts:
            self.clock.advance(0.01)
        return self.clock.seconds() - before

    def test_the_link_comes_up_and_comes_back(self) -> None:
        self.start()
        self.assertTrue(self.table.linked)
        self.endpoint.connections[0].connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.table.linked)
        self.wait_for_attempt()
        self.assertTrue(self.table.linked)

    def test_pauses_grow_up_to_their_limit(self) -> None:
        self.endpoint.refuses = True
        self.start()
        pauses = [self.wait_for_attempt() for _ in range(20)]
        self.assertLess(pauses[0], 1)
        for pause in pauses[10:]:
            self.assertGreaterEqual(pause, limits.RECONNECT_LAST)
            self.assertLess(pause, limits.RECONNECT_LAST + limits.RECONNECT_JITTER + 0.02)
        self.assertGreater(len(set(pauses[10:])), 1, "there is no jitter")

    def test_why_there_is_no_link_is_logged_once(self) -> None:
        self.endpoint.refuses = True
        self.start()
        self.wait_for_attempt()
        [line] = lines(self.log, "ecm.upstream")
        self.assertIn("no link to ejabberd at tcp:test", line)
        self.assertIn("Connection was refused", line)
        self.endpoint.refuses = False
        self.wait_for_attempt()
        self.endpoint.refuses = True
        self.endpoint.connections[0].connectionLost(Failure(ConnectionDone()))
        self.wait_for_attempt()
        said = [line for line in lines(self.log, "ecm.upstream") if line.startswith("no link")]
        self.assertEqual(len(said), 2)
