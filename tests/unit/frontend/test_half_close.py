"""Clients that close their end of the connection right behind a request, as ``nc -N`` does."""

from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.http.response import CONTINUE
from testkit.in_memory import FIRST_ID, TYPED, Joined
from testkit.typed_vectors import HELLO_PACKET

POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n%b"
OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"\r\nConnection: close\r\n"


class HalfCloseTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_an_answer_that_comes_soon_is_given(self) -> None:
        self.client.send(POST % b"ping")
        self.client.close_end()
        self.assertTrue(self.client.transport.connected)
        self.ecm.pass_time(limits.HALF_CLOSE_TIMEOUT - 1)
        self.ecm.answer(FIRST_ID, b"pong")
        written = self.client.transport.written()
        self.assertTrue(written.startswith(OK) and written.endswith(b"pong"), written)
        self.assertIn(CLOSE, written)
        self.assertFalse(self.client.transport.connected)
        self.assertEqual(len(self.ecm.clients), 0)

    def test_all_that_are_due_are_given_and_the_connection_closes_behind_them(self) -> None:
        self.client.send(POST % b"one1" + POST % b"two2")
        self.client.close_end()
        self.ecm.answer(FIRST_ID + 1, b"2")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"1")
        self.assertEqual(self.client.transport.written().count(OK), 2)
        self.assertFalse(self.client.transport.connected)

    def test_so_are_those_that_could_not_begin_yet(self) -> None:
        """TLS tells the end with what has come before it."""
        many = 2 * limits.MAX_PIPELINED + 1
        self.client.send(POST % b"ping" * many + b"POST /")
        self.client.close_end()
        for number in range(many):
            self.assertTrue(self.client.transport.connected)
            begun = min(number + limits.MAX_PIPELINED, many)
            self.assertEqual(self.ecm.metrics.requests, begun)
            self.ecm.answer(FIRST_ID + number, b"pong")
        written = self.client.transport.written()
        self.assertEqual((written.count(OK), written.count(CLOSE)), (many, 1))
        self.assertFalse(self.client.transport.connected)
        self.assertEqual(len(self.ecm.clients), 0)

    def test_what_cannot_begin_in_time_is_given_up(self) -> None:
        self.client.send(POST % b"ping" * 10)
        self.client.close_end()
        self.ecm.pass_time(limits.HALF_CLOSE_TIMEOUT)
        self.assertEqual(self.ecm.metrics.requests, limits.MAX_PIPELINED)
        self.assertFalse(self.client.transport.connected)
        self.assertEqual((len(self.ecm.pool), len(self.ecm.clients)), (0, 0))

    def test_a_last_request_is_told_that_its_client_has_closed(self) -> None:
        self.ecm = Joined(link=TYPED)
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.client = self.ecm.client()
        self.client.post(b"ping", more=b"Connection: close\r\n")
        self.client.close_end()
        self.assertEqual(self.ecm.received()[-1], (FIRST_ID, b"close half-closed"))

    def test_a_held_request_is_given_up_after_a_while(self) -> None:
        """ECM cannot see whether the client has gone, and tells ejabberd that it has."""
        self.client.send(POST % b"poll")
        self.client.close_end()
        self.ecm.pass_time(limits.HALF_CLOSE_TIMEOUT)
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 503 "), written)
        self.assertIn(CLOSE, written)
        self.assertFalse(self.client.transport.connected)
        self.assertEqual((len(self.ecm.pool), len(self.ecm.clients)), (0, 0))

    def test_who_has_asked_nothing_or_not_all_is_closed_at_once(self) -> None:
        for data in (b"", b"POST", (POST % b"ping")[:-1]):
            client = self.ecm.client()
            client.send(data)
            client.close_end()
            self.assertFalse(client.transport.connected, data)
            self.assertEqual(client.transport.written(), b"")

    def test_a_request_before_half_of_another_is_answered(self) -> None:
        self.client.send(POST % b"ping" + b"POST /")
        self.client.close_end()
        self.ecm.answer(FIRST_ID, b"pong")
        self.assertTrue(self.client.transport.written().endswith(b"pong"))
        self.assertFalse(self.client.transport.connected)

    def test_who_takes_answers_slowly_behind_its_end_is_cut_in_time(self) -> None:
        self.client.send(POST % b"ping" + POST % b"more")
        self.client.transport.stuck = True
        self.ecm.answer(FIRST_ID, b"x" * 100)
        self.client.close_end()
        self.ecm.pass_time(limits.SEND_TIMEOUT - 1)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)

    def test_who_waited_for_leave_to_send_a_body_is_closed(self) -> None:
        head = (POST % b"").replace(b"Content", b"Expect: 100-continue\r\nContent", 1)
        self.assertEqual(self.client.send(head), CONTINUE)
        self.client.close_end()
        self.assertFalse(self.client.transport.connected)

    def test_who_closes_its_end_behind_ours_is_closed(self) -> None:
        self.client.send(b"nonsense\r\n\r\n")
        self.assertTrue(self.client.transport.half_closed)
        self.client.close_end()
        self.assertFalse(self.client.transport.connected)
