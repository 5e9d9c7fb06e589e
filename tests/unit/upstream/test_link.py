"""The link: what crosses it, what is refused, and when it is given up."""

import tracemalloc
from collections.abc import Callable, Iterator

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import directlyProvides

from ecm import limits
from ecm.frontend.settings import FrontendSettings
from ecm.limits import MAX_PARTIAL_ANSWERS, TRUNCATED_BODY
from ecm.link.packet import encode
from ecm.link.settings import LinkSettings
from ecm.upstream import request_queue
from ecm.upstream.link import Link
from ecm.upstream.pending import NOT_UNDERSTOOD, STOPPING
from ecm.upstream.protocol import LinkRefused
from testkit.in_memory import FIRST_ID, MAX_BODY, PATHS, QUEUE_TIMEOUT, Joined, Transport
from testkit.logs import lines
from testkit.typed_vectors import HELLO_PACKET, VECTORS, named, packet

SETTINGS = LinkSettings(max_packet=2**20, max_queue=65_536)
PEER = b"request peer=192.0.2.1:51234 secure=0\n"


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
        self.assertEqual(self.ecm.metrics.malformed, 1)
        [line] = [
            line for line in lines(self.log, "ecm.upstream.protocol") if "malformed packet" in line
        ]
        self.assertIn("length-not-decimal: b'HTTP/1.1 400 Bad Request\\r\\nContent-L", line)

    def test_what_is_said_about_the_link_itself_is_passed_over(self) -> None:
        self.ecm.answer(0, b"drain")
        self.assertTrue(self.ecm.link_transport.connected)
        self.assertEqual(self.ecm.metrics.orphaned, 0)

    def test_up_and_down_are_logged(self) -> None:
        self.ecm.client().post(b"")
        self.ecm.link_down()
        up, down = lines(self.log, "ecm.upstream.protocol")
        self.assertEqual(up, "link up: plain, client addresses do not cross it")
        self.assertIn("; 1 requests lost, answered 503", down)


class HelloTests(TestCase):
    """Before it is known what the link is."""

    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=SETTINGS)
        self.client = self.ecm.client()

    def test_hello_says_who_and_what(self) -> None:
        [(connection_id, hello)] = self.ecm.received()
        self.assertEqual(connection_id, 0)
        self.assertRegex(
            hello,
            rb"\Ahello version=1 role=ecm instance=[!-~]+:[0-9]+ max-packet=1048576"
            rb" max-content=16777216 nonce=[0-9a-f]{32} features=parts\Z",
        )

    def test_requests_wait_until_it_is_known(self) -> None:
        self.ecm.received()
        self.assertEqual(self.client.post(b"<body/>"), b"")
        self.assertEqual(self.ecm.received(), [])
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER + b"<body/>")])

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
        self.ecm = Joined(link=SETTINGS, linked=False)
        self.link = self.ecm.links.buildProtocol(None)
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
        typed = Joined(link=SETTINGS)
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


class TypedTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=SETTINGS)
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.ecm.received()
        self.client = self.ecm.client()

    def asked(self) -> None:
        self.client.post(b"<body/>")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER + b"<body/>")])

    def test_who_is_there_is_logged(self) -> None:
        self.assertEqual(
            lines(self.log, "ecm.upstream.protocol"), ["link up: typed, with ejabberd@chat"]
        )

    def test_statuses_come_back(self) -> None:
        for status, phrase in (
            (200, b"OK"),
            (400, b"Bad Request"),
            (403, b"Forbidden"),
            (599, b""),
        ):
            self.client.post(b"")
            [(connection_id, _)] = self.ecm.received()
            self.ecm.answer(connection_id, b"answer %d\n<body/>" % status)
            written = self.client.transport.written()
            self.assertTrue(written.startswith(b"HTTP/1.1 %d %b\r\n" % (status, phrase)), written)
            self.assertIn(b"\r\nContent-Type: text/xml; charset=utf-8\r\n", written)
            self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", written)
            self.assertTrue(written.endswith(b"\r\n\r\n<body/>"), written)

    def test_the_address_is_what_a_trusted_proxy_says(self) -> None:
        settings = FrontendSettings(PATHS)
        ecm = Joined(link=SETTINGS, settings=settings)
        ecm.link.dataReceived(HELLO_PACKET)
        ecm.received()
        ecm.client("2001:db8::7").post(b"")
        self.assertEqual(ecm.received()[0][1], b"request peer=[2001:db8::7]:51234 secure=0\n")

    def test_a_request_of_which_only_the_first_bytes_were_taken(self) -> None:
        head = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
        self.client.send(head + b"x" * TRUNCATED_BODY)
        said = PEER[:-1] + b" truncated=1\n" + b"x" * TRUNCATED_BODY
        self.assertEqual(self.ecm.received(), [(FIRST_ID, said)])

    def test_a_client_that_goes_is_told_at_once(self) -> None:
        self.asked()
        self.client.leave()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gone")])
        self.ecm.answer(FIRST_ID, b"answer 200\nlate")
        self.assertEqual(self.ecm.metrics.orphaned, 1)

    def test_one_that_closes_its_end_is_told_of_at_once_and_answered(self) -> None:
        self.asked()
        self.client.close_end()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close half-closed")])
        self.ecm.answer(FIRST_ID, b"answer 200\nempty")
        self.assertTrue(self.client.transport.written().endswith(b"empty"))
        self.assertEqual(self.ecm.received(), [])

    def test_one_that_closes_its_end_has_gone_after_a_while(self) -> None:
        self.asked()
        self.client.close_end()
        self.ecm.received()
        self.ecm.pass_time(limits.HALF_CLOSE_TIMEOUT)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gone")])

    def test_one_that_has_its_answer_is_not(self) -> None:
        self.asked()
        self.ecm.answer(FIRST_ID, b"answer 200\n")
        self.client.leave()
        self.assertEqual(self.ecm.received(), [])

    def test_one_that_ecm_answers_by_itself_is(self) -> None:
        self.asked()
        self.ecm.registry.reject_pending()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gave-up")])
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_one_whose_request_was_not_sent_yet_is_not(self) -> None:
        self.ecm.link_down()
        self.client.post(b"")
        self.ecm.link_up()
        self.client.leave()
        self.ecm.received()
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(self.ecm.received(), [])

    def test_ejabberd_drops_a_client(self) -> None:
        self.asked()
        other = self.ecm.client()
        other.post(b"other")
        self.ecm.received()
        self.ecm.answer(FIRST_ID, b"close failed")
        self.assertTrue(self.client.transport.aborted)
        self.assertFalse(other.transport.aborted)
        self.assertEqual(self.ecm.received(), [])

    def test_dropping_one_that_has_gone_does_nothing(self) -> None:
        self.ecm.answer(FIRST_ID, b"close failed")
        self.assertEqual((len(self.ecm.pool), len(self.ecm.clients)), (0, 1))

    def test_a_request_that_is_not_understood_is_answered_503(self) -> None:
        self.asked()
        self.ecm.answer(FIRST_ID, b"error malformed bad-value")
        written = self.client.transport.written()
        self.assertIn(b" 503 ", written)
        self.assertIn(NOT_UNDERSTOOD.encode(), written)
        self.assertEqual(self.ecm.metrics.failed, 1)
        self.client.post(b"next")
        self.assertEqual(self.ecm.received()[0][0], FIRST_ID + 1)

    def test_an_answer_that_is_not_understood_is_too(self) -> None:
        self.asked()
        self.ecm.answer(FIRST_ID, b"answer 99\n")
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"error malformed bad-word")])

    def test_an_ejabberd_that_stops_gets_nothing_new(self) -> None:
        self.asked()
        self.ecm.answer(0, b"drain")
        other = self.ecm.client()
        self.assertIn(STOPPING.encode(), other.post(b"new"))
        self.ecm.link.queue.pauseProducing()
        self.ecm.link.queue.resumeProducing()
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"answer 200\nlast")
        self.assertTrue(self.client.transport.written().endswith(b"last"))

    def test_a_full_link_of_an_ejabberd_that_stops_stays_without_requests(self) -> None:
        self.ecm.link.queue.pauseProducing()
        for _ in range(8):
            self.ecm.client().post(b"x" * 10_000)
        self.ecm.answer(0, b"drain")
        self.ecm.link.queue.resumeProducing()
        self.assertIn(STOPPING.encode(), self.client.post(b"new"))

    def test_a_new_link_takes_requests_again(self) -> None:
        self.ecm.answer(0, b"drain")
        self.ecm.link_down()
        self.ecm.link_up()
        self.client.post(b"new")
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(self.ecm.received()[-1], (FIRST_ID, PEER + b"new"))

    def test_a_dead_ejabberd_is_found_in_time(self) -> None:
        self.asked()
        self.ecm.pass_time(29)
        self.assertEqual(self.ecm.received(), [(0, b"ping 1")])
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.pass_time(1)
        self.assertEqual(self.ecm.received(), [(0, b"error silent nothing came for 30 seconds")])
        self.assertFalse(self.ecm.pool.links)
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_a_dead_ejabberd_that_takes_nothing_is_cut_off(self) -> None:
        transport = self.ecm.link_transport
        self.patch(transport, "loseConnection", lambda: None)  # it waits to be able to send
        self.ecm.link.queue.pauseProducing()
        self.ecm.pass_time(30)
        self.assertFalse(transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(transport.aborted)

    def test_the_round_trip_time_is_kept(self) -> None:
        self.ecm.pass_time(10)
        self.ecm.reactor.advance(0.25)
        self.ecm.answer(0, b"pong 1")
        self.assertEqual(self.ecm.metrics.round_trip, 0.25)

    def test_pongs_do_not_pile_up_while_the_link_is_stuck(self) -> None:
        self.ecm.link.queue.pauseProducing()
        for _ in range(50):
            self.ecm.answer(0, b"ping 1")
            self.ecm.answer(7, b"frobnicate")
        self.ecm.link.queue.resumeProducing()
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(0, b"ping 2")
        self.assertEqual(self.ecm.received(), [(0, b"pong 2")])

    def test_ecm_says_that_it_stops(self) -> None:
        self.ecm.pool.drain()
        self.assertEqual(self.ecm.received(), [(0, b"drain")])

    def test_of_a_request_that_is_too_long_for_ejabberd_it_gets_the_beginning(self) -> None:
        ecm = Joined(link=SETTINGS)
        ecm.link.dataReceived(packet(LESS))
        ecm.received()
        [_, line] = lines(self.log, "ecm.upstream.protocol")[-2:]
        self.assertIn("ejabberd takes packets of 4096 bytes, ECM sends up to 1048576", line)
        client = ecm.client()
        self.assertEqual(client.post(b"x" * 3969), b"")
        self.assert_truncated(ecm, True)
        client.post(b"x" * 3968)
        self.assert_truncated(ecm, False)
        self.assertFalse(client.ended)

    def test_also_of_one_that_waited_for_the_link(self) -> None:
        ecm = Joined(link=SETTINGS)
        client = ecm.client()
        client.post(b"x" * 5000)
        ecm.received()
        ecm.link.dataReceived(packet(LESS))
        self.assert_truncated(ecm, True)

    def assert_truncated(self, ecm: Joined, truncated: bool) -> None:
        content = ecm.received()[-1][1]
        line, _, body = content.partition(b"\n")
        self.assertEqual(line.endswith(b" truncated=1"), truncated, line)
        self.assertEqual(body, b"x" * 3968)


LESS = {
    "id": "0",
    "content": next(
        each["content"] for each in VECTORS["contents"] if each["name"] == "hello of mod_ecm"
    ).replace("1048576", "4096"),
}


class PartsTests(TestCase):
    """Answers that come in several packets."""

    def setUp(self) -> None:
        self.ecm = Joined(link=LinkSettings(max_content=100))
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.client = self.ecm.client()
        self.client.post(b"<body/>")
        self.ecm.received()

    def test_they_come_to_the_client_as_one(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\n<body>a long ")
        self.ecm.answer(FIRST_ID, b"part\nanswer 200\n")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"answer 403 content-type=application/xml\n</body>")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 403 "))
        self.assertIn(b"\r\nContent-Type: application/xml\r\n", written)
        self.assertTrue(written.endswith(b"\r\n\r\n<body>a long answer 200\n</body>"))
        self.assertEqual(self.ecm.metrics.answers, 1)

    def test_others_pass_between_them(self) -> None:
        other = self.ecm.client()
        other.post(b"<body/>")
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID + 1, b"answer 200\nshort")
        self.assertTrue(other.transport.written().endswith(b"\r\n\r\nshort"))
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nlong answer"))

    def test_the_next_answer_of_a_connection_is_its_own(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.client.transport.written()
        self.client.post(b"<body/>")
        self.ecm.answer(FIRST_ID, b"answer 200\nshort")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nshort"))

    def test_parts_for_nobody_are_dropped_and_counted(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.client.leave()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gone")])
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.answer(FIRST_ID, b"answer 200\nanswer")
        self.ecm.answer(FIRST_ID + 7, b"part\n")
        self.assertEqual((self.ecm.metrics.orphaned, self.ecm.received()), (3, []))

    def test_what_ends_an_exchange_drops_its_parts(self) -> None:
        for said, told in ((b"close failed", b""), (b"error malformed x", NOT_UNDERSTOOD.encode())):
            client = self.ecm.client()
            client.post(b"<body/>")
            [(connection_id, _)] = self.ecm.received()
            self.ecm.answer(connection_id, b"part\nlong ")
            self.ecm.answer(connection_id, said)
            self.assertIn(told, client.transport.written())
            self.ecm.answer(connection_id, b"answer 200\nanswer")
            self.assertEqual(client.transport.written(), b"")

    def test_a_link_that_breaks_between_them(self) -> None:
        self.ecm.answer(FIRST_ID, b"part\nlong ")
        self.ecm.link_down()
        self.assertIn(b" 503 ", self.client.transport.written())
        self.ecm.link_up()
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.client.post(b"<body/>")
        [*_, (connection_id, _)] = self.ecm.received()
        self.ecm.answer(connection_id, b"answer 200\nshort")
        self.assertTrue(self.client.transport.written().endswith(b"\r\n\r\nshort"))

    def test_parts_without_end_are_refused(self) -> None:
        for _ in range(10):
            self.ecm.answer(FIRST_ID, b"part\n" + bytes(10))
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"part\nx")
        error = b"error too-long an answer of more than 100 bytes"
        self.assertEqual(self.ecm.received(), [(FIRST_ID, error)])
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertTrue(self.ecm.link_transport.connected)
        self.client.post(b"<body/>")
        self.assertEqual(self.ecm.received()[0][0], FIRST_ID + 1)

    def test_too_many_at_a_time_are_refused(self) -> None:
        clients = [self.ecm.client() for _ in range(MAX_PARTIAL_ANSWERS)]
        for at, client in enumerate(clients):
            client.post(b"<body/>")
            self.ecm.answer(FIRST_ID + 1 + at, b"part\nx")
        self.ecm.received()
        self.ecm.answer(FIRST_ID, b"part\nx")
        error = b"error too-long more than 4 answers in parts at a time"
        self.assertEqual(self.ecm.received(), [(FIRST_ID, error)])
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertEqual(
            [client.transport.written() for client in clients], [b""] * MAX_PARTIAL_ANSWERS
        )

    def test_from_who_has_not_said_so_they_are_not_expected(self) -> None:
        ecm = Joined(link=SETTINGS)
        ecm.link.dataReceived(packet(named("hello of mod_ecm")))
        client = ecm.client()
        client.post(b"<body/>")
        ecm.received()
        ecm.answer(FIRST_ID, b"part\nx")
        self.assertEqual(ecm.received(), [(FIRST_ID, b"error unexpected part")])
        self.assertIn(b" 503 ", client.transport.written())

    def test_an_answer_that_comes_again_is_not_for_a_request_that_waits(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer 200\nfirst")
        self.client.transport.clear()
        self.ecm.congest(True)
        self.client.post(b"<body/>")
        for content in (b"answer 200\nagain", b"close failed", b"error malformed x"):
            self.ecm.answer(FIRST_ID, content)
        self.assertEqual((self.client.transport.written(), self.client.ended), (b"", False))
        self.ecm.received()
        self.ecm.congest(False)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER + b"<body/>")])
        self.ecm.link.connectionLost()
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_nobody_is_read_while_the_link_is_full_again(self) -> None:
        self.ecm.congest(True)
        self.ecm.client().post(b"<body/>")
        self.patch(Link, "send_request", lambda *_: self.ecm.congest(True))
        self.ecm.congest(False)
        self.assertFalse(self.ecm.registry.reading)

    def test_on_the_link_itself_they_end_it(self) -> None:
        self.ecm.answer(0, b"part\nx")
        self.assertFalse(self.ecm.link_transport.connected)

    def test_what_comes_for_a_request_that_was_not_sent_is_for_nobody(self) -> None:
        self.ecm.link.queue.pauseProducing()
        others = [self.ecm.client() for _ in range(9)]
        for client in others:
            client.post(b"x" * 9_000)
        last = self.ecm.client()
        self.ecm.congest(True)
        last.post(b"<body/>")
        queued = FIRST_ID + 10
        self.ecm.answer(queued, b"part\nx")
        self.assertEqual(self.ecm.metrics.orphaned, 1)
        self.ecm.answer(queued, b"answer 200\nx")
        self.ecm.link.queue.resumeProducing()
        self.ecm.congest(False)
        self.assertTrue(self.ecm.link_transport.connected)


class WaitingForTheLinkTests(TestCase):
    def test_requests_wait_for_the_first_link(self) -> None:
        ecm = Joined(link=SETTINGS)
        client = ecm.client()
        client.post(b"<body/>")
        ecm.pass_time(3)
        ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(ecm.received()[-1], (FIRST_ID, PEER + b"<body/>"))

    def test_those_that_wait_are_bounded_with_all_that_they_take(self) -> None:
        for size, most in ((MAX_BODY, 28), (0, 576)):
            self.patch(request_queue, "MAX_QUEUED_BYTES", 300_000)
            ecm = Joined()
            ecm.link_down()
            clients = [ecm.client() for _ in range(600)]
            told = [client.post(b"x" * size) for client in clients]
            self.assertEqual(sum(not each for each in told), most)
            self.assertTrue(all(b"HTTP/1.1 503 " in each for each in told[most:]))
            for client in clients:
                client.leave()
            self.assertEqual(ecm.pool._queue.size, 0)

    def test_nothing_is_left_of_the_heads_of_those_that_wait(self) -> None:
        ecm = Joined()
        ecm.link_down()
        clients = [ecm.client() for _ in range(100)]
        for client in clients:  # what a connection makes with its first request
            client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for client in clients:
            client.post(b"x" * 1000, more=b"A: %b\r\n" % (b"b" * 10_000))
        self.assertLess(tracemalloc.get_traced_memory()[0], ecm.pool._queue.size)

    def test_and_for_the_next_one(self) -> None:
        ecm = Joined()
        ecm.link_down()
        client = ecm.client()
        self.assertEqual(client.post(b"<body/>"), b"")
        ecm.pass_time(QUEUE_TIMEOUT - 1)
        ecm.link_up()
        self.assertEqual(ecm.received(), [(FIRST_ID, b"<body/>")])

    def test_but_not_for_ever(self) -> None:
        ecm = Joined()
        ecm.link_down()
        client = ecm.client()
        client.post(b"<body/>")
        ecm.pass_time(QUEUE_TIMEOUT)
        self.assertIn(b" 503 ", client.transport.written())
        self.assertIn(b" 503 ", client.post(b"<body/>"))

    def test_and_not_too_many(self) -> None:
        size = limits.MAX_QUEUED_BYTES // 2 - 1000
        ecm = Joined(max_body=size)
        ecm.link_down()
        clients = [ecm.client() for _ in range(3)]
        written = [client.post(bytes(size)) for client in clients]
        self.assertEqual([b" 503 " in each for each in written], [False, False, True])
        clients[0].leave()
        self.assertEqual(clients[2].post(bytes(size)), b"")

    def test_nobody_waits_for_it_while_ecm_stops(self) -> None:
        ecm = Joined()
        ecm.pool.drain()
        ecm.link_down()
        client = ecm.client()
        client.post(b"<body/>")
        ecm.pass_time(1)
        self.assertIn(b" 503 ", client.transport.written())
