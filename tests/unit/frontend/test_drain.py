"""Graceful shutdown: no new connections, an answer for what is in flight, and an end in time."""

from twisted.trial.unittest import TestCase

from testkit.in_memory import FIRST_ID, Joined


class DrainTests(TestCase):
    """Each connection closes once no request is in flight."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_idle_connections_close_at_once(self) -> None:
        self.client.post(b"")
        self.ecm.answer(FIRST_ID, b"")
        drained = self.ecm.registry.drain()
        self.assertTrue(self.client.ended)
        self.client.leave()
        self.successResultOf(drained)

    def test_a_new_connection_has_a_second_to_ask(self) -> None:
        self.ecm.registry.drain()
        self.assertFalse(self.client.ended)
        self.client.post(b"on its way")
        self.ecm.pass_time(1)
        self.assertFalse(self.client.ended)
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertTrue(self.client.ended)
        silent = self.ecm.client()
        self.ecm.registry.drain()
        self.ecm.pass_time(1)
        self.assertTrue(silent.ended)

    def test_a_request_in_flight_gets_its_answer_which_is_the_last(self) -> None:
        self.client.post(b"")
        drained = self.ecm.registry.drain()
        self.assertFalse(self.client.ended)
        self.ecm.answer(FIRST_ID, b"answer")
        written = self.client.transport.written()
        self.assertIn(b"\r\nConnection: close\r\n", written)
        self.assertTrue(written.endswith(b"answer"))
        self.assertTrue(self.client.ended)
        self.assertNoResult(drained)
        self.client.leave()
        self.successResultOf(drained)

    def test_behind_an_answer_that_was_the_last_no_request_is_begun(self) -> None:
        self.client.post(b"held")
        self.client.post(b"next")
        self.ecm.registry.drain()
        self.ecm.answer(FIRST_ID + 1, b"2")
        self.ecm.received()
        self.client.post(b"more")
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"1")
        self.assertTrue(self.client.transport.written().endswith(b"2"))
        self.assertTrue(self.client.ended)

    def test_pipelined_requests_all_get_their_answers(self) -> None:
        self.client.post(b"")
        self.client.post(b"")
        self.ecm.registry.drain()
        self.ecm.answer(FIRST_ID, b"first")
        self.ecm.answer(FIRST_ID + 1, b"last")
        written = self.client.transport.written()
        self.assertEqual(written.count(b"Connection: close"), 1)
        self.assertTrue(written.endswith(b"last"))
        self.assertTrue(self.client.ended)

    def test_a_request_that_is_on_its_way_is_served_as_the_last(self) -> None:
        self.client.send(b"POST /http-bind HTTP/1.1\r\nHost: a\r\n")
        self.ecm.registry.drain()
        self.client.send(b"Content-Length: 0\r\n\r\n")
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertIn(b"\r\nConnection: close\r\n", self.client.transport.written())
        self.assertTrue(self.client.ended)

    def test_a_client_that_has_yet_to_take_its_answer_closes_then(self) -> None:
        self.client.post(b"")
        self.client.transport.stuck = True
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.registry.drain()
        self.assertFalse(self.client.ended)
        self.client.transport.unstick()
        self.assertTrue(self.client.ended)

    def test_at_the_end_of_the_time_what_is_held_is_answered_503(self) -> None:
        self.client.post(b"")
        self.ecm.registry.drain()
        self.ecm.registry.reject_pending()
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 503 "), written)
        self.assertIn(b"\r\nRetry-After: 5\r\n", written)
        self.ecm.answer(FIRST_ID, b"late")
        self.assertEqual(self.ecm.metrics.orphaned, 1)

    # Connections that come while ECM drains.

    def test_the_drain_does_not_wait_for_them(self) -> None:
        self.client.post(b"")
        drained = self.ecm.registry.drain()
        late = self.ecm.client()
        late.post(b"late")
        self.ecm.answer(FIRST_ID, b"answer")
        self.client.leave()
        self.successResultOf(drained)
        self.assertFalse(late.ended)
        self.ecm.answer(FIRST_ID + 1, b"answer")
        self.assertIn(b"\r\nConnection: close\r\n", late.transport.written())
        self.assertTrue(late.ended)

    def test_the_next_drain_does(self) -> None:
        self.client.leave()
        self.successResultOf(self.ecm.registry.drain())
        late = self.ecm.client()
        late.post(b"late")
        drained = self.ecm.registry.drain()
        self.assertNoResult(drained)
        late.leave()
        self.successResultOf(drained)

    def test_they_are_not_refused_with_the_others(self) -> None:
        self.client.post(b"")
        self.ecm.registry.drain()
        late = self.ecm.client()
        late.post(b"late")
        self.ecm.registry.reject_pending()
        self.assertIn(b" 503 ", self.client.transport.written())
        self.assertEqual(late.transport.written(), b"")
        self.ecm.registry.abort_leaving()
        self.assertTrue(self.client.transport.aborted)
        self.assertFalse(late.transport.aborted)

    def test_without_connections_there_is_nothing_to_wait_for(self) -> None:
        self.client.leave()
        self.successResultOf(self.ecm.registry.drain())

    def test_a_client_that_is_cut_while_its_requests_are_refused_harms_no_other(self) -> None:
        ecm = Joined(max_buffered=100)
        slow, other = ecm.client(), ecm.client()
        slow.transport.stuck = True
        slow.post(b"first")
        slow.post(b"second")
        other.post(b"poll")
        ecm.registry.drain()
        ecm.link_down()
        self.assertTrue(slow.transport.aborted)
        self.assertTrue(other.transport.written().startswith(b"HTTP/1.1 503 "))
