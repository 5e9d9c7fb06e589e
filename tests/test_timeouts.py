"""What slow clients get, with a clock that the test moves."""

from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.response import INERT
from tests.joined import FIRST_ID, Joined

HEAD = b"POST /http-bind HTTP/1.1\r\nContent-Length: 10\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\n"


class SlowRequestTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_a_head_has_its_time_from_its_first_byte(self) -> None:
        self.ecm.pass_time(60)
        for byte in HEAD[: limits.HEAD_TIMEOUT]:
            self.assertEqual(self.client.send(bytes([byte])), b"")
            self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.written().startswith(TOO_SLOW))
        self.assertTrue(self.client.ended)

    def test_a_body_has_its_time_from_the_end_of_the_head(self) -> None:
        self.client.send(HEAD[:-1])
        self.ecm.pass_time(limits.HEAD_TIMEOUT - 1)
        self.client.send(HEAD[-1:])
        self.ecm.pass_time(limits.BODY_TIMEOUT - 1)
        self.client.send(b"slow")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.written().startswith(TOO_SLOW))
        self.assertEqual(self.ecm.received(), [])

    def test_a_request_in_time_is_held_for_any_time(self) -> None:
        self.client.send(HEAD + b"0123456789")
        self.ecm.pass_time(1000)
        self.ecm.answer(FIRST_ID, b"late")
        self.assertTrue(self.client.transport.written().endswith(b"late"))

    def test_no_tick_looks_at_who_waits_for_an_answer_or_has_gone(self) -> None:
        self.client.send(HEAD + b"0123456789")
        other = self.ecm.client()
        self.ecm.pass_time(1)
        self.assertEqual([*self.ecm.clients.timed], [other.protocol])
        other.leave()
        self.assertEqual([*self.ecm.clients.timed], [])

    def test_the_answer_to_an_earlier_request_comes_before_the_408(self) -> None:
        self.client.post(b"")
        self.client.send(b"POST /http-bind")
        self.ecm.pass_time(limits.HEAD_TIMEOUT)
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"first")
        self.assertIn(b"first" + TOO_SLOW, self.client.transport.written())

    def test_an_idle_connection_closes_without_a_word(self) -> None:
        self.client.post(b"")
        self.ecm.answer(FIRST_ID, b"")
        self.client.transport.clear()
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertFalse(self.client.ended)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.ended)
        self.assertEqual(self.client.transport.written(), b"")

    def test_a_connection_that_never_asks_closes_too(self) -> None:
        self.ecm.pass_time(limits.IDLE_TIMEOUT)
        self.assertTrue(self.client.ended)


class SlowReaderTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()
        self.client.post(b"")
        self.client.transport.stuck = True

    def test_who_does_not_take_an_answer_is_cut(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.pass_time(limits.TAKE_TIMEOUT - 1)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)

    def test_who_takes_it_in_time_is_not(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.pass_time(limits.TAKE_TIMEOUT - 1)
        self.client.transport.unstick()
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertFalse(self.client.ended)

    def test_a_large_answer_has_more_time(self) -> None:
        self.ecm.answer(FIRST_ID, b"x" * limits.TAKE_SIZE)
        self.ecm.pass_time(2 * limits.TAKE_TIMEOUT - 1)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)

    def test_who_does_not_close_its_end_is_cut(self) -> None:
        self.client.transport.unstick()
        self.client.send(b"nonsense\r\n\r\n")
        self.ecm.answer(FIRST_ID, b"")
        self.assertTrue(self.client.ended)
        self.client.transport.clear()
        self.assertEqual(self.client.send(HEAD * 100), b"")  # which is not even read
        self.ecm.pass_time(limits.TAKE_TIMEOUT)
        self.assertTrue(self.client.transport.aborted)


class ConnectionLimitTests(TestCase):
    REFUSED = b"HTTP/1.1 503 Service Unavailable\r\n" + INERT

    def test_connections_in_all(self) -> None:
        ecm = Joined(max_connections=2)
        clients = [ecm.client() for _ in range(2)]
        refused = ecm.client()
        written = refused.transport.written()
        self.assertTrue(written.startswith(self.REFUSED), written)
        self.assertIn(b"\r\nRetry-After: 5\r\n", written)
        self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", written)
        self.assertIn(b"too many connections.", written)
        self.assertTrue(refused.ended)
        clients[0].leave()
        self.assertFalse(ecm.client().ended)

    def test_connections_of_one_address(self) -> None:
        ecm = Joined(max_connections_per_address=1)
        first = ecm.client("192.0.2.1")
        self.assertFalse(ecm.client("192.0.2.2").ended)
        self.assertIn(b"from your address", ecm.client("192.0.2.1").transport.written())
        first.leave()
        self.assertFalse(ecm.client("192.0.2.1").ended)

    def test_those_that_are_refused_are_bounded_and_end(self) -> None:
        ecm = Joined(max_connections=1)
        ecm.client()
        refused = [ecm.client() for _ in range(limits.MAX_REFUSED)]
        self.assertIsNone(ecm.clients.buildProtocol(None))
        ecm.pass_time(limits.TAKE_TIMEOUT)
        self.assertTrue(all(client.transport.aborted for client in refused))
        self.assertIsNotNone(ecm.clients.buildProtocol(None))


class SweepTests(TestCase):
    def test_one_timer_serves_all_connections(self) -> None:
        ecm = Joined()
        before = len(ecm.reactor.getDelayedCalls())
        for number in range(100):
            ecm.client().send(HEAD[: number % len(HEAD)])
        self.assertEqual(len(ecm.reactor.getDelayedCalls()), before)
