"""The link's protocol: how a link is established, kept, and given up."""

from collections.abc import Callable, Iterator

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from ecm.link.packet import encode
from ecm.upstream.protocol import LinkRefused
from testkit.in_memory import (
    FIRST_ID,
    PEER_LINE,
    TYPED,
    Joined,
    Transport,
)
from testkit.logs import lines
from testkit.typed_vectors import HELLO_PACKET


class PlainTests(TestCase):
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
        self.ecm.received()
        self.ecm.link.dataReceived(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        self.assertFalse(self.ecm.link_transport.connected)
        self.assertFalse(self.ecm.pool.links)
        self.assertEqual(self.ecm.received(), [])
        self.assertIn(b" 503 ", client.transport.written())
        self.assertEqual(self.ecm.metrics.link_ends, {"malformed": 1})
        [line] = [
            line for line in lines(self.log, "ecm.upstream.keeper") if "malformed packet" in line
        ]
        self.assertIn("length-not-decimal: b'HTTP/1.1 400 Bad Request\\r\\nContent-L", line)

    def test_what_is_said_about_the_link_itself_is_passed_over(self) -> None:
        self.ecm.answer(0, b"drain")
        self.assertTrue(self.ecm.link_transport.connected)
        self.assertEqual(self.ecm.metrics.orphaned, 0)

    def test_up_and_down_are_logged(self) -> None:
        self.ecm.client().post(b"")
        self.ecm.link_down()
        up, down = lines(self.log, "ecm.upstream.keeper")
        self.assertEqual(up, "link up: plain, client addresses do not cross it")
        self.assertIn("; 1 requests lost, answered 503", down)


class HelloTests(TestCase):
    """Before it is known what the link is."""

    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=TYPED)
        self.client = self.ecm.client()

    def test_hello_says_who_and_what(self) -> None:
        [(connection_id, hello)] = self.ecm.received()
        self.assertEqual(connection_id, 0)
        self.assertRegex(
            hello,
            rb"\Ahello version=1 role=ecm instance=[!-~]+:[0-9]+ max-packet=1048576"
            rb" max-content=16777216 window=65536 nonce=[0-9a-f]{32}"
            rb" features=parts,resume,streams,insight\Z",
        )

    def test_requests_wait_until_it_is_known(self) -> None:
        self.ecm.received()
        self.assertEqual(self.client.post(b"<body/>"), b"")
        self.assertEqual(self.ecm.received(), [])
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER_LINE + b"<body/>")])

    def test_a_stranger_is_given_none(self) -> None:
        """Whatever listens there: it answers something else, or nothing, or closes."""
        strangers: list[Callable[[], None]] = [
            lambda: self.ecm.answer(0, b"<body type='terminate'/>"),
            lambda: self.ecm.link.dataReceived(b"HTTP/1.1 400 Bad Request\r\n" + bytes(9)),
            lambda: self.ecm.link.dataReceived(b"\x15\x03\x03\x00\x02\x02\x32" + bytes(32)),
            lambda: self.ecm.pass_time(5),
            self.ecm.link_down,
        ]
        self.client.post(b"<body type='secret'/>")
        for stranger in strangers:
            [(_, hello)] = self.ecm.received()
            self.assertTrue(hello.startswith(b"hello "))
            stranger()
            said = self.ecm.received()
            self.assertFalse(self.ecm.link_transport.connected)
            self.assertFalse(self.ecm.pool.links)
            self.assertNotIn(b"secret", b"".join(content for _, content in said))
            self.ecm.link_up()

    def test_what_is_refused_is_told_and_closed(self) -> None:
        self.ecm.received()
        self.ecm.link.dataReceived(HELLO_PACKET.replace(b"version=1", b"version=2"))
        error = b"error version ecm speaks 1, ejabberd speaks 2"
        self.assertEqual(self.ecm.received(), [(0, error)])
        self.assertFalse(self.ecm.link_transport.connected)
        self.assertEqual(lines(self.log, "ecm.upstream.protocol"), [])

    def test_why_it_did_not_come_up_is_told(self) -> None:
        for data, why in (
            (HELLO_PACKET.replace(b"=1 ", b"=2 "), "no link version in common"),
            (b"", "it closes the link and does not answer hello; is that a mod_ecm?"),
        ):
            link = self.ecm.new_link()
            link.dataReceived(data)
            self.ecm.link_down()
            self.assertIn(why, str(self.failureResultOf(link.ready, LinkRefused).value))


class TlsTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined(link=TYPED, linked=False)
        link = self.ecm.links.buildProtocol(None)
        assert link is not None
        self.link = link
        self.transport = Transport(self.ecm.reactor)
        directlyProvides(self.transport, ISSLTransport)
        self.transport.protocol = self.link
        self.link.makeConnection(self.transport)

    def test_nothing_is_said_before_tls_is_agreed_upon(self) -> None:
        self.assertEqual(self.transport.value(), b"")
        self.link.handshakeCompleted()
        self.assertIn(b"|hello version=1", self.transport.value())

    def test_tls_that_takes_too_long_is_given_up(self) -> None:
        self.ecm.pass_time(9)
        self.assertFalse(self.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.transport.aborted)
        why = self.failureResultOf(self.link.ready, LinkRefused)
        self.assertIn("no TLS handshake within 10 seconds", str(why.value))


class IncompleteTests(TestCase):
    """A packet that has begun has the dead-peer time to become complete, on any link."""

    def links(self) -> Iterator[Joined]:
        yield Joined()
        typed = Joined(link=TYPED)
        typed.link.dataReceived(HELLO_PACKET)
        typed.received()
        yield typed

    def test_it_is_waited_for_and_then_the_link_is_given_up(self) -> None:
        for ecm in self.links():
            said = encode(7, bytes(100))
            for at in range(30):
                self.assertTrue(ecm.link_transport.connected)
                ecm.link.dataReceived(said[at : at + 1])
                ecm.pass_time(1)
            self.assertTrue(ecm.link_transport.connected)
            ecm.pass_time(1)
            self.assertFalse(ecm.link_transport.connected)
            self.assertFalse(ecm.pool.links)

    def test_a_typed_peer_is_told_why(self) -> None:
        *_, ecm = self.links()
        ecm.pass_time(10)
        ecm.link.dataReceived(b"0")
        ecm.pass_time(10)
        ecm.link.dataReceived(b"0")
        ecm.pass_time(21)
        error = b"error silent a packet was not complete after 30 seconds"
        self.assertEqual(ecm.received()[-1], (0, error))

    def test_each_packet_has_its_own_time(self) -> None:
        for ecm in self.links():
            said = encode(7, b"")
            ecm.link.dataReceived(said[:10])
            for _ in range(60):
                ecm.pass_time(1)
                ecm.link.dataReceived(said[10:] + said[:10])
            self.assertTrue(ecm.link_transport.connected)

    def test_a_link_on_which_nothing_is_said_waits_for_none(self) -> None:
        ecm = Joined()
        ecm.link.dataReceived(encode(7, b""))
        ecm.pass_time(300)
        self.assertTrue(ecm.link_transport.connected)
