"""A link that takes less than clients send."""

from twisted.trial.unittest import TestCase

from testkit.in_memory import FIRST_ID, QUEUE_TIMEOUT, Client, Joined

BODY = b"x" * 10_000
FULL = 7  # so many of these are more than the queue may hold, in tests


class BackpressureTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.idle = self.ecm.client()
        self.link = self.ecm.link
        self.ecm.queue.pauseProducing()  # the transport has more than it can send

    def fill(self) -> list[Client]:
        clients = [self.ecm.client() for _ in range(FULL)]
        for client in clients:
            client.post(BODY)
        return clients

    def test_a_link_that_is_a_little_behind_stops_nobody(self) -> None:
        self.ecm.client().post(BODY)
        self.assertFalse(self.idle.transport.paused)
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.ecm.received(), [(FIRST_ID, BODY)])

    def test_a_full_link_stops_the_reading_of_all_clients_until_it_has_drained(self) -> None:
        clients = self.fill()
        everybody = [*clients, self.idle, self.ecm.client()]
        self.assertTrue(all(client.transport.paused for client in everybody))
        self.assertEqual(self.ecm.received(), [])
        self.ecm.queue.resumeProducing()
        self.assertEqual(len(self.ecm.received()), FULL)
        self.assertFalse(any(client.transport.paused for client in everybody))

    def test_nothing_is_sent_while_it_is_full(self) -> None:
        self.fill()
        self.idle.post(b"was read already")
        self.ecm.queue.resumeProducing()
        self.assertEqual(self.ecm.received()[-1], (FIRST_ID + FULL, b"was read already"))

    def test_after_a_time_requests_are_answered_503(self) -> None:
        self.fill()
        self.idle.post(b"was read already")
        self.ecm.pass_time(QUEUE_TIMEOUT - 1)
        self.assertEqual(self.idle.transport.written(), b"")
        self.ecm.pass_time(1)
        self.assertIn(b" 503 ", self.idle.transport.written())
        self.assertFalse(self.idle.transport.paused)
        self.assertEqual(self.ecm.client().post(b"new"), b"")  # which has a time of its own
        self.ecm.queue.resumeProducing()
        self.assertEqual(len(self.ecm.received()), FULL + 1)
        self.idle.post(b"at last")
        self.assertEqual(self.ecm.received()[0][1], b"at last")

    def test_who_leaves_meanwhile_asks_nothing(self) -> None:
        self.fill()
        self.idle.post(b"was read already")
        self.idle.leave()
        self.ecm.queue.resumeProducing()
        self.assertEqual(len(self.ecm.received()), FULL)

    def test_a_link_that_goes_while_it_is_full_leaves_nobody_unread(self) -> None:
        clients = self.fill()
        self.idle.post(b"was read already")
        self.ecm.link_down()
        for client in clients:
            self.assertIn(b" 503 ", client.transport.written())
            self.assertFalse(client.transport.paused)
        self.ecm.link_up()
        self.assertEqual(self.ecm.received(), [(FIRST_ID + FULL, b"was read already")])
        self.assertFalse(self.idle.transport.paused)

    def test_time_does_not_run_for_those_who_are_not_read(self) -> None:
        slow = self.ecm.client()
        slow.send(b"POST /http-bind HTTP/1.1\r\nHost: a\r\n")
        self.fill()
        self.ecm.pass_time(QUEUE_TIMEOUT - 1)
        self.ecm.queue.resumeProducing()
        self.assertEqual(slow.transport.written(), b"")
        self.assertFalse(slow.ended)
