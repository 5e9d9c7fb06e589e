"""Clients' connections: what they are answered, and what goes to the link for them."""

import re
from collections import Counter
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.bosh import BoshExchange
from ecm.frontend.draining import Draining
from ecm.frontend.exchange import Exchange
from ecm.frontend.http import HTTPConnection
from ecm.http.request import Request
from ecm.http.response import CONTINUE, INERT
from ecm.limits import FULL_FOR, NO_LINK_FOR, RETRY_AFTER_MAX, RETRY_AFTER_MIN, TRUNCATED_BODY
from ecm.upstream.pending import CONGESTED, NO_LINK
from testkit.in_memory import DATE, FIRST_ID, MAX_BODY, QUEUE_TIMEOUT, Joined
from testkit.samples.http_requests import ERRORS
from testkit.splits import cut, cuts

POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
ORIGIN = b"Access-Control-Allow-Origin: *\r\n"


def answer(body: bytes, connection: bytes = b"") -> bytes:
    """The response that carries an answer from the link."""
    return (
        b"HTTP/1.1 200 OK\r\n%b"
        b"Content-Type: text/xml; charset=utf-8\r\n"
        b"%b%b%bContent-Length: %d\r\n\r\n%b" % (INERT, DATE, ORIGIN, connection, len(body), body)
    )


class ExchangeTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_the_body_of_a_post_goes_out_and_the_answer_comes_back(self) -> None:
        self.assertEqual(self.client.post(b"<body rid='1'/>"), b"")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"<body rid='1'/>")])
        self.ecm.answer(FIRST_ID, b"<body/>")
        self.assertEqual(self.client.transport.written(), answer(b"<body/>"))
        self.assertFalse(self.client.ended)

    def test_a_request_may_come_byte_by_byte(self) -> None:
        for byte in b"POST /http-bind/?x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi":
            self.assertEqual(self.ecm.received(), [])
            self.client.send(bytes([byte]))
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"hi")])

    def test_a_connection_keeps_its_id_and_another_has_another(self) -> None:
        other = self.ecm.client()
        for body in (b"1", b"2"):
            self.client.post(body)
            self.ecm.answer(FIRST_ID, b"")
            other.post(body)
            self.ecm.answer(FIRST_ID + 1, b"")
        ids = [packet[0] for packet in self.ecm.received()]
        self.assertEqual(ids, [FIRST_ID, FIRST_ID + 1] * 2)

    def test_answers_find_their_clients_in_any_order(self) -> None:
        clients = [self.ecm.client() for _ in range(50)]
        for number, client in enumerate(clients):
            client.post(b"request %d" % number)
        for connection_id, body in reversed(self.ecm.received()):
            self.ecm.answer(connection_id, body.replace(b"request", b"answer"))
        for number, client in enumerate(clients):
            self.assertEqual(client.transport.written(), answer(b"answer %d" % number))
        self.assertEqual(len(self.ecm.pool), 0)

    def test_a_connection_closes_where_the_client_asks_for_it(self) -> None:
        self.client.post(b"last", more=b"Connection: close\r\n")
        self.ecm.answer(FIRST_ID, b"<body/>")
        written = self.client.transport.written()
        self.assertEqual(written, answer(b"<body/>", b"Connection: close\r\n"))
        self.assertTrue(self.client.ended)

    def test_http_1_0_closes_or_keeps_the_connection_as_asked(self) -> None:
        head = b"POST /http-bind HTTP/1.0\r\nContent-Length: 0\r\n"
        self.client.send(head + b"Connection: keep-alive\r\n\r\n")
        self.ecm.answer(FIRST_ID, b"a")
        written = self.client.transport.written()
        self.assertEqual(written, answer(b"a", b"Connection: keep-alive\r\n"))
        self.client.send(head + b"\r\n")
        self.ecm.answer(FIRST_ID, b"b")
        written = self.client.transport.written()
        self.assertEqual(written, answer(b"b", b"Connection: close\r\n"))
        self.assertTrue(self.client.ended)


class PipeliningTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def ids(self, count: int) -> range:
        return range(FIRST_ID, FIRST_ID + count)

    def test_what_is_pipelined_goes_out_at_once_each_under_its_own_id(self) -> None:
        for number in range(3):
            self.client.post(b"%d" % number)
        sent = [(FIRST_ID + number, b"%d" % number) for number in range(3)]
        self.assertEqual(self.ecm.received(), sent)

    def test_answers_go_back_in_the_order_of_the_requests(self) -> None:
        for number in range(3):
            self.client.post(b"%d" % number)
        self.ecm.answer(FIRST_ID + 2, b"2")
        self.ecm.answer(FIRST_ID + 1, b"1")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"0")
        written = self.client.transport.written()
        self.assertEqual(written, answer(b"0") + answer(b"1") + answer(b"2"))

    def test_own_answers_wait_their_turn_too(self) -> None:
        self.client.post(b"")
        self.assertEqual(self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"), b"")
        self.ecm.answer(FIRST_ID, b"first")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(answer(b"first") + b"HTTP/1.1 404 Not Found\r\n"))

    def test_four_are_in_flight_then_reading_stops_until_one_is_answered(self) -> None:
        for number in range(3):
            self.client.post(b"%d" % number)
        self.assertFalse(self.client.transport.paused)
        self.client.post(b"3")
        self.assertTrue(self.client.transport.paused)
        self.client.post(b"4")  # was read already
        self.assertEqual([packet[0] for packet in self.ecm.received()], list(self.ids(4)))
        self.ecm.answer(FIRST_ID + 1, b"")  # not the first: nothing can be written
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"")
        self.assertEqual(self.ecm.received(), [(FIRST_ID + 4, b"4")])
        self.assertFalse(self.client.transport.paused)

    def test_a_late_answer_is_never_taken_for_that_to_a_pipelined_request(self) -> None:
        self.client.post(b"0")
        self.client.post(b"1")
        self.ecm.answer(FIRST_ID + 1, b"1")
        self.ecm.answer(FIRST_ID + 1, b"again")
        self.ecm.answer(FIRST_ID, b"0")
        self.assertEqual(self.client.transport.written(), answer(b"0") + answer(b"1"))
        self.assertEqual(self.ecm.metrics.orphaned, 1)

    def test_errors_wait_their_turn_and_end_the_connection(self) -> None:
        self.client.post(b"1")
        self.assertEqual(self.client.send(b"nonsense\r\n\r\n"), b"")
        self.ecm.answer(FIRST_ID, b"")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(answer(b"") + b"HTTP/1.1 400 Bad Request\r\n"), written)
        self.assertTrue(self.client.ended)

    def test_nothing_counts_behind_a_last_request(self) -> None:
        self.client.post(b"1")
        self.client.post(b"2", more=b"Connection: close\r\n")
        self.client.post(b"3")
        self.ecm.answer(FIRST_ID + 1, b"")
        self.ecm.answer(FIRST_ID, b"")
        bodies = [body for _, body in self.ecm.received()]
        self.assertEqual(bodies, [b"1", b"2"])
        self.assertTrue(self.client.ended)

    def test_what_is_pipelined_behind_those_waits_as_bytes(self) -> None:
        request = POST % (1, b"x")
        data = request * (62_000 // len(request))
        self.client.send(data)
        protocol: Any = self.client.protocol
        self.assertLessEqual(protocol.held, len(data) + limits.PARTIAL_SIZE)
        self.assertTrue(self.client.transport.paused)
        sent: list[int] = []
        for number in range(data.count(request)):
            self.assertEqual(len(self.ecm.pool), min(4, data.count(request) - number))
            sent += [connection_id for connection_id, _ in self.ecm.received()]
            self.ecm.answer(sent[number], b"%d" % number)
        written = self.client.transport.written()
        self.assertEqual(written, b"".join(answer(b"%d" % n) for n in range(data.count(request))))
        self.assertEqual((protocol.held, self.client.transport.paused), (0, False))

    def test_who_does_not_take_answers_is_not_read_and_its_requests_wait(self) -> None:
        self.client.transport.stuck = True
        first = self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        self.assertLess(len(first), limits.MAX_UNSENT + 1000)
        self.assertTrue(self.client.transport.paused)
        self.client.transport.unstick()
        self.ecm.reactor.advance(0)
        written = first + self.client.transport.written()
        self.assertEqual(written.count(b"HTTP/1.1 404 Not Found\r\n"), 1000)
        self.assertFalse(self.client.transport.paused)

    def test_who_has_a_little_to_take_is_read(self) -> None:
        self.client.transport.stuck = True
        self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertFalse(self.client.transport.paused)
        self.client.post(b"more")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"more")])

    def test_a_thousand_pipelined_requests_are_answered(self) -> None:
        written = self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" * 1000)
        self.assertEqual(written.count(b"HTTP/1.1 404 Not Found\r\n"), 1000)


EXPECTING = (
    b"POST /http-bind HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
)


class HeldPages:
    """A handler whose responses take as long as the test wants."""

    exchange = Exchange

    def handle(self, exchange: Exchange, request: Request) -> None:
        self.held = exchange


class ContinueTests(TestCase):
    def test_who_waits_for_leave_to_send_a_body_gets_it_once(self) -> None:
        client = Joined().client()
        self.assertEqual(client.send(EXPECTING), CONTINUE)
        self.assertEqual(client.send(b"h"), b"")

    def test_leave_comes_after_the_answers_that_are_due_before(self) -> None:
        ecm = Joined()
        client = ecm.client()
        client.post(b"")
        self.assertEqual(client.send(EXPECTING), b"")
        ecm.answer(FIRST_ID, b"first")
        self.assertEqual(client.transport.written(), answer(b"first") + CONTINUE)
        client.send(b"hi")
        self.assertEqual(ecm.received()[-1][1], b"hi")

    def test_leave_never_stands_inside_a_page(self) -> None:
        pages = HeldPages()
        client = Joined(pages).client()
        client.send(b"GET /page HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.send(EXPECTING), b"")
        pages.held.respond(b"page")
        self.assertEqual(client.transport.written(), b"page" + CONTINUE)


class GoneTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_a_client_that_leaves_is_forgotten_and_its_answer_dropped(self) -> None:
        self.client.post(b"1")
        self.client.leave()
        self.assertEqual(len(self.ecm.pool), 0)
        self.ecm.answer(FIRST_ID, b"<body/>")
        self.assertEqual(self.client.transport.written(), b"")
        self.assertEqual(self.ecm.metrics.orphaned, 1)

    def test_an_idle_client_leaves_quietly(self) -> None:
        self.client.leave()
        self.assertEqual(self.ecm.metrics.orphaned, 0)


def any_time(answer: bytes) -> bytes:
    """Return an answer as if its client were asked to come back after five seconds."""
    return re.sub(rb"Retry-After: [0-9]+", b"Retry-After: 5", answer)


class NoLinkTests(TestCase):
    RETRY = (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        + INERT
        + b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Retry-After: 5\r\n" + DATE + ORIGIN
    )

    def test_without_a_link_a_client_is_asked_to_try_again(self) -> None:
        ecm = Joined(linked=False)
        client = ecm.client()
        self.assertTrue(any_time(client.post(b"1")).startswith(self.RETRY))
        self.assertFalse(client.ended)
        ecm.link_up()
        client.post(b"1")
        self.assertEqual(ecm.received(), [(FIRST_ID + 1, b"1")])

    def test_who_waits_when_the_link_goes_is_asked_to_try_again(self) -> None:
        ecm = Joined()
        clients = [ecm.client() for _ in range(3)]
        for client in clients:
            client.post(b"1")
        ecm.link_down()
        for client in clients:
            self.assertTrue(any_time(client.transport.written()).startswith(self.RETRY))
        self.assertEqual((len(ecm.pool), ecm.metrics.lost), (0, 3))

    def test_many_are_asked_to_come_back_at_different_times(self) -> None:
        ecm = Joined(linked=False)
        self.come_back_at_different_times([ecm.client().post(b"1") for _ in range(100)])

    def test_and_those_whom_ejabberd_refuses(self) -> None:
        ecm = Joined()
        clients = [ecm.client() for _ in range(100)]
        for client in clients:
            client.post(b"1")
            [exchange] = cast(HTTPConnection, client.protocol).exchanges
            cast(BoshExchange, exchange).answered(503, b"<body/>", None)
        self.come_back_at_different_times([client.transport.written() for client in clients])

    def come_back_at_different_times(self, told: list[bytes]) -> None:
        times = [int(re.findall(rb"Retry-After: ([0-9]+)\r\n", each)[0]) for each in told]
        self.assertEqual(set(times), set(range(RETRY_AFTER_MIN, RETRY_AFTER_MAX + 1)))
        most = -(-len(times) // len(set(times)))
        self.assertLessEqual(max(Counter(times).values()), most)

    def test_an_answer_that_did_not_come_is_never_taken_for_another(self) -> None:
        ecm = Joined()
        client = ecm.client()
        client.post(b"1")
        ecm.link_down()
        ecm.link_up()
        client.transport.clear()
        client.post(b"1")
        self.assertEqual(ecm.received(), [(FIRST_ID + 1, b"1")])
        ecm.answer(FIRST_ID, b"an old answer")
        self.assertEqual(client.transport.written(), b"")

    def test_what_waits_behind_an_exchange_is_answered_too(self) -> None:
        ecm = Joined()
        client = ecm.client()
        for body in (b"1", b"2", b"3", b"4", b"5"):
            client.post(body)
        ecm.link_down()
        self.assertEqual(client.transport.written().count(b"HTTP/1.1 503 "), 4)
        ecm.pass_time(QUEUE_TIMEOUT)
        self.assertEqual(client.transport.written().count(b"HTTP/1.1 503 "), 1)
        self.assertFalse(client.transport.paused)


class OwnAnswerTests(TestCase):
    """ECM's own answers, byte for byte."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def tearDown(self) -> None:
        self.assertEqual(self.ecm.received(), [])

    def test_a_preflight_request_is_granted(self) -> None:
        self.assertEqual(
            self.client.send(
                b"OPTIONS /http-bind HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\n\r\n"
            ),
            b"HTTP/1.1 200 OK\r\n" + INERT + b"Allow: POST, GET, HEAD, OPTIONS\r\n"
            b"Access-Control-Allow-Methods: POST, GET, HEAD, OPTIONS\r\n"
            b"Access-Control-Allow-Headers: Content-Type\r\n"
            b"Access-Control-Max-Age: 86400\r\n" + DATE + ORIGIN + b"Content-Length: 0\r\n\r\n",
        )

    def test_get_shows_that_the_address_works_and_head_the_same_without_body(self) -> None:
        page = self.client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        head, _, body = page.partition(b"\r\n\r\n")
        self.assertEqual(
            head,
            b"HTTP/1.1 200 OK\r\n%b"
            b"Content-Type: text/plain; charset=utf-8\r\n"
            b"%b%bContent-Length: %d" % (INERT, DATE, ORIGIN, len(body)),
        )
        self.assertIn(b"It works.", body)
        self.assertEqual(
            self.client.send(b"HEAD /http-bind/ HTTP/1.1\r\nHost: a\r\n\r\n"), head + b"\r\n\r\n"
        )

    def test_get_says_why_clients_should_come_to_another_one(self) -> None:
        def refusal(why: str) -> bytes:
            return f"{why}. Please try again.\n".encode()

        def status_and_reason() -> tuple[bytes, bytes]:
            page = self.client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
            head, _, body = page.partition(b"\r\n\r\n")
            empty = self.client.send(b"HEAD /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertEqual(empty, head + b"\r\n\r\n")
            return page[9:12], body

        self.ecm.pass_time(1)
        self.assertEqual(status_and_reason()[0], b"200")
        self.ecm.congest(True)
        self.ecm.pass_time(FULL_FOR - 1)
        self.assertEqual(status_and_reason()[0], b"200")
        self.ecm.pass_time(1)
        self.assertEqual(status_and_reason(), (b"503", refusal(CONGESTED)))
        self.ecm.congest(False)
        self.assertEqual(status_and_reason()[0], b"200")
        self.ecm.link_down()
        self.assertEqual(status_and_reason()[0], b"200")
        self.ecm.pass_time(NO_LINK_FOR)
        self.assertEqual(status_and_reason(), (b"503", refusal(NO_LINK)))
        self.ecm.link_up()
        self.assertEqual(status_and_reason()[0], b"200")

    def test_get_says_so_before_there_is_any_link(self) -> None:
        client = Joined(linked=False).client()
        page = client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(page.startswith(b"HTTP/1.1 503 "), page)

    def test_get_says_that_clients_are_sent_away(self) -> None:
        draining = Draining(self.ecm.registry)
        draining.begin(60)
        page = self.client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(page.startswith(b"HTTP/1.1 503 "), page)
        self.assertTrue(page.endswith(b"This front end is draining. Please try again.\n"), page)
        self.assertIn(b"\r\nRetry-After: ", page)
        draining.end()
        page = self.client.send(b"GET /http-bind HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertTrue(page.startswith(b"HTTP/1.1 200 "), page)

    def test_other_methods_are_not_allowed(self) -> None:
        written = self.client.send(
            b"PUT /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
        )
        self.assertTrue(written.startswith(b"HTTP/1.1 405 Method Not Allowed\r\n"), written)
        self.assertIn(b"\r\nAllow: POST, GET, HEAD, OPTIONS\r\n", written)
        self.assertIn(ORIGIN, written)

    def test_other_paths_are_not_found(self) -> None:
        body = b"There is nothing here.\n"
        head = (
            b"HTTP/1.1 404 Not Found\r\n%bContent-Type: text/plain; charset=utf-8\r\n"
            b"%bContent-Length: %d\r\n\r\n" % (INERT, DATE, len(body))
        )
        self.assertEqual(self.client.post(b"x", path=b"/other"), head + body)
        self.assertEqual(self.client.send(b"HEAD /http-binding HTTP/1.1\r\nHost: a\r\n\r\n"), head)


class TooLongTests(TestCase):
    """Bodies that are too long, of which the session has to hear, as it ends with them."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_the_session_gets_the_first_bytes_and_says_what_to_answer(self) -> None:
        body = b"<body rid='1' sid='2'>" + b"x" * MAX_BODY
        self.assertEqual(self.client.post(body), b"")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, body[:TRUNCATED_BODY])])
        self.ecm.answer(FIRST_ID, b"<body type='terminate'/>")
        expected = answer(b"<body type='terminate'/>", b"Connection: close\r\n")
        self.assertEqual(self.client.transport.written(), expected)
        self.assertTrue(self.client.ended)
        self.assertEqual(self.client.send(body), b"")
        self.assertEqual(self.ecm.received(), [])

    def test_a_client_that_asks_for_leave_gets_it(self) -> None:
        head = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
        continues = self.client.send(head + b"Content-Length: 999999999999999\r\n\r\n")
        self.assertEqual(continues, CONTINUE)
        self.client.send(b"x" * TRUNCATED_BODY)
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"x" * TRUNCATED_BODY)])

    def test_elsewhere_it_is_refused(self) -> None:
        written = self.client.post(b"x" * (MAX_BODY + 1), path=b"/other")
        self.assertTrue(written.startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n"), written)
        self.assertIn(ORIGIN, written)
        self.assertIn(b"\r\nConnection: close\r\n", written)
        self.assertTrue(self.client.ended)
        self.assertEqual(self.ecm.received(), [])

    def test_the_head_of_one_is_not_remembered_for_others(self) -> None:
        head = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
        for _ in range(2):
            client = self.ecm.client()
            client.send(head + b"x" * TRUNCATED_BODY)
            self.ecm.answer(self.ecm.received()[0][0], b"")
            self.assertTrue(client.ended)


class HeadTests(TestCase):
    """Responses to HEAD have no body, errors included (RFC 9110, section 9.3.2)."""

    def setUp(self) -> None:
        self.ecm = Joined()

    def assert_is_head(self, written: bytes, status: int) -> None:
        self.assertTrue(written.startswith(b"HTTP/1.1 %d " % status), written)
        self.assertNotIn(b"\r\nContent-Length: 0\r\n", written)
        self.assertEqual(written.partition(b"\r\n\r\n")[2], b"")

    def test_what_the_parser_refuses(self) -> None:
        self.ecm = Joined(max_header_size=600, max_headers=8)
        of_get = [(data, status) for data, status in ERRORS if data.startswith(b"GET ")]
        of_post = [(data, status) for data, status in ERRORS if data.startswith(b"POST ")]
        for data, status in of_get + [each for each in of_post if each[1] != 411]:
            with self.subTest(data=data[:80]):
                head = b"HEAD " + data.partition(b" ")[2]
                self.assert_is_head(self.ecm.client().send(head), status)

    def test_a_body_that_is_too_long(self) -> None:
        line = b"HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (MAX_BODY + 1)
        for path in (b"/http-bind", b"/ws", b"/none"):
            client = self.ecm.client()
            written = client.send(b"HEAD %b %b%b" % (path, line, b"x" * MAX_BODY))
            self.assert_is_head(written, 413)

    def test_one_that_comes_too_slowly(self) -> None:
        for data in (
            b"HEAD / HT",
            b"\r\nHEAD /",
            b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nx",
        ):
            client = self.ecm.client()
            client.send(data)
            self.ecm.pass_time(3600)
            self.assert_is_head(client.transport.written(), 408)

    def test_another_method_that_begins_so_and_one_that_has_not_come(self) -> None:
        for data in (b"HEAD", b"HEADER / HTTP/1.1\r\nHo"):
            client = self.ecm.client()
            client.send(data)
            self.ecm.pass_time(3600)
            self.assertTrue(client.transport.written().endswith(b" too slowly.\n"))

    def test_one_that_is_shed_behind_another(self) -> None:
        for behind in range(5):
            client = self.ecm.client()
            client.post(b"first")
            head = b"HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n"
            client.send(head * (1 + behind))
            client.protocol.shed()
            self.ecm.answer(self.ecm.received()[-1][0], b"first")
            written = client.transport.written().removeprefix(answer(b"first"))
            self.assertEqual(written.count(b"\r\n\r\n"), 1 + min(behind, 3))
            self.assertTrue(written.endswith(b"\r\n\r\n"))
            self.assertNotIn(b"again", written)
            self.assertNotIn(b"nothing", written)


class PropertyTests(TestCase):
    @given(st.lists(st.binary(max_size=50), min_size=1, max_size=10), cuts())
    def test_requests_in_any_pieces_are_answered_in_order(
        self, bodies: list[bytes], places: list[int]
    ) -> None:
        ecm = Joined()
        client = ecm.client()
        request = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
        written = b""
        for piece in cut(b"".join(request % (len(body), body) for body in bodies), places):
            written += client.send(piece)
            while packets := ecm.received():
                for packet in packets:
                    ecm.answer(*packet)
            written += client.transport.written()
        self.assertEqual(written, b"".join(answer(body) for body in bodies))

    @given(st.binary(max_size=300), cuts())
    def test_any_bytes_are_answered_or_waited_for(self, data: bytes, places: list[int]) -> None:
        client = Joined().client()
        for piece in cut(data, places):
            if not client.ended:
                client.send(piece)
