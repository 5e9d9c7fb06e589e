"""An established, typed link: what crosses it, and what is refused."""

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.draining import Draining
from ecm.frontend.settings import FrontendSettings
from ecm.limits import ACK_PACKETS, TRUNCATED_BODY
from ecm.upstream.pending import NOT_UNDERSTOOD, STOPPING
from testkit.in_memory import (
    FIRST_ID,
    PATHS,
    PEER_LINE,
    QUEUE_TIMEOUT,
    TYPED,
    Joined,
)
from testkit.logs import lines
from testkit.typed_vectors import HELLO_PACKET, VECTORS, packet

# The hello of an ejabberd that takes less than ECM.
SMALL_HELLO = {
    "id": "0",
    "content": next(
        each["content"] for each in VECTORS["contents"] if each["name"] == "hello of mod_ecm"
    ).replace("1048576", "4096"),
}


class TypedTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = Joined(link=TYPED)
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.ecm.received()
        self.client = self.ecm.client()

    def asked(self) -> None:
        self.client.post(b"<body/>")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER_LINE + b"<body/>")])

    def test_who_is_there_is_logged(self) -> None:
        self.assertEqual(
            lines(self.log, "ecm.upstream.keeper"), ["link up: typed, with ejabberd@chat"]
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
        ecm = Joined(link=TYPED, settings=settings)
        ecm.link.dataReceived(HELLO_PACKET)
        ecm.received()
        ecm.client("2001:db8::7").post(b"")
        self.assertEqual(ecm.received()[0][1], b"request peer=[2001:db8::7]:51234 secure=0\n")

    def test_a_request_of_which_only_the_first_bytes_were_taken(self) -> None:
        head = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"
        self.client.send(head + b"x" * TRUNCATED_BODY)
        said = PEER_LINE[:-1] + b" truncated=1\n" + b"x" * TRUNCATED_BODY
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
        self.ecm.registry.drain()
        self.ecm.registry.reject_pending()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close gave-up")])
        self.assertIn(b" 503 ", self.client.transport.written())

    def test_one_whose_connection_is_to_close_is_to_be_answered_now(self) -> None:
        self.asked()
        self.release()
        self.assertEqual(self.ecm.received(), [])
        self.ecm.registry.drain()
        late = self.ecm.client()
        late.post(b"")
        self.ecm.received()
        self.release()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close half-closed")])
        self.ecm.answer(FIRST_ID, b"answer 200\n<body/>")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 200 OK\r\n"), written)
        self.assertIn(b"\r\nConnection: close\r\n", written)

    def test_one_whose_client_is_sent_away_is_to_be_answered_now(self) -> None:
        self.asked()
        draining = Draining(self.ecm.registry)
        draining.begin(2)
        self.assertEqual(self.ecm.received(), [])
        self.ecm.pass_time(1)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"close half-closed")])
        self.ecm.pass_time(1)
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"answer 200\n<body/>")
        self.assertIn(b"\r\nConnection: close\r\n", self.client.transport.written())

    def release(self) -> None:
        """Have all that is in flight released, where it is to be."""
        for link in self.ecm.pool.links:
            for exchange in link.table:
                exchange.release()

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

    def test_a_request_that_comes_back_goes_on_and_says_so(self) -> None:
        self.asked()
        self.ecm.answer(FIRST_ID, b"misdirected node=b@chat peer=192.0.2.1:51234 secure=0\nbody")
        again = (FIRST_ID, PEER_LINE.replace(b"\n", b" redirected=1\nbody"))
        self.assertEqual(self.ecm.received(), [again])
        self.ecm.answer(FIRST_ID, b"answer 200\nat last")
        self.assertTrue(self.client.transport.written().endswith(b"at last"))
        self.assertEqual(self.ecm.metrics.redirected, 1)

    def test_the_load_is_noted_with_the_answer_to_a_ping(self) -> None:
        self.ecm.pass_time(TYPED.ping_interval)
        [(_, ping)] = self.ecm.received()
        [link] = self.ecm.pool.links
        link.newcomers = 5
        self.ecm.answer(0, ping.replace(b"ping", b"pong") + b" load=20345 cluster=0123456789abcdef")
        self.assertEqual((link.load, link.cluster), (20_345, "0123456789abcdef"))

    def test_an_ejabberd_that_stops_gets_nothing_new(self) -> None:
        self.asked()
        self.ecm.answer(0, b"drain")
        other = self.ecm.client()
        self.assertEqual(other.post(b"new"), b"")
        self.ecm.queue.pauseProducing()
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.ecm.received(), [])
        self.ecm.pass_time(QUEUE_TIMEOUT)
        self.assertIn(STOPPING.encode(), other.transport.written())
        self.ecm.answer(FIRST_ID, b"answer 200\nlast")
        self.assertTrue(self.client.transport.written().endswith(b"last"))

    def test_a_full_link_of_an_ejabberd_that_stops_stays_without_requests(self) -> None:
        self.ecm.queue.pauseProducing()
        for _ in range(8):
            self.ecm.client().post(b"x" * 10_000)
        self.ecm.answer(0, b"drain")
        self.ecm.received()
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.client.post(b"new"), b"")
        self.assertNotIn(b"new", b"".join(content for _, content in self.ecm.received()))

    def test_a_new_link_takes_requests_again(self) -> None:
        self.ecm.answer(0, b"drain")
        self.ecm.link_down()
        self.ecm.link_up()
        self.client.post(b"new")
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.assertEqual(self.ecm.received()[-1], (FIRST_ID, PEER_LINE + b"new"))

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
        self.ecm.queue.pauseProducing()
        self.ecm.pass_time(30)
        self.assertFalse(transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(transport.aborted)

    def test_the_round_trip_time_is_kept(self) -> None:
        self.ecm.pass_time(10)
        self.ecm.reactor.advance(0.25)
        self.ecm.answer(0, b"pong 1")
        self.assertEqual(self.ecm.metrics.round_trips.sum, 0.25)

    def test_pongs_do_not_pile_up_while_the_link_is_stuck(self) -> None:
        self.ecm.queue.pauseProducing()
        for _ in range(50):
            self.ecm.answer(0, b"ping 1")
            self.ecm.answer(7, b"frobnicate")
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(0, b"ping 2")
        self.assertEqual(self.ecm.received(), [(0, b"pong 2")])

    def test_nothing_is_acknowledged_on_a_link_that_ends_with_its_connection(self) -> None:
        for _ in range(ACK_PACKETS + 1):
            self.ecm.answer(FIRST_ID, b"answer 200\nlate")
        self.ecm.pass_time(2)
        self.assertEqual(self.ecm.received(), [])

    def test_many_requests_that_fail_are_few_lines(self) -> None:
        for number in range(5):
            self.ecm.answer(FIRST_ID + number, b"error frobnicated %d" % number)
        failed = "request failed, answered 503: ejabberd says: frobnicated 0"
        self.assertEqual(lines(self.log, "ecm.upstream.failures"), [failed])
        self.ecm.pass_time(limits.LOG_INTERVAL + 1)
        more = (
            "4 more requests failed in 10 seconds, answered 503, the last one:"
            " ejabberd says: frobnicated 4"
        )
        self.assertEqual(lines(self.log, "ecm.upstream.failures"), [failed, more])
        self.assertEqual(self.ecm.metrics.failed, 5)

    def test_ecm_says_that_it_stops(self) -> None:
        self.ecm.pool.drain()
        self.assertEqual(self.ecm.received(), [(0, b"drain")])

    def test_of_a_request_that_is_too_long_for_ejabberd_it_gets_the_beginning(self) -> None:
        ecm = Joined(link=TYPED)
        ecm.link.dataReceived(packet(SMALL_HELLO))
        ecm.received()
        line = lines(self.log, "ecm.upstream.link")[-1]
        self.assertIn("ejabberd takes packets of 4096 bytes, ECM sends up to 1048576", line)
        client = ecm.client()
        self.assertEqual(client.post(b"x" * 3969), b"")
        self.assert_truncated(ecm, True)
        client.post(b"x" * 3968)
        self.assert_truncated(ecm, False)
        self.assertFalse(client.ended)

    def test_also_of_one_that_waited_for_the_link(self) -> None:
        ecm = Joined(link=TYPED)
        client = ecm.client()
        client.post(b"x" * 5000)
        ecm.received()
        ecm.link.dataReceived(packet(SMALL_HELLO))
        self.assert_truncated(ecm, True)

    def assert_truncated(self, ecm: Joined, truncated: bool) -> None:
        content = ecm.received()[-1][1]
        line, _, body = content.partition(b"\n")
        self.assertEqual(line.endswith(b" truncated=1"), truncated, line)
        self.assertEqual(body, b"x" * 3968)
