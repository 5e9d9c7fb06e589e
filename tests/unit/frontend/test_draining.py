"""A drain: clients are sent away over a time, and new ones are served."""

from twisted.trial.unittest import TestCase

from ecm.frontend.draining import Draining
from testkit.in_memory import FIRST_ID, Client, Joined

CLOSE = b"\r\nConnection: close\r\n"


class DrainingTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.draining = Draining(self.ecm.registry)

    def idle(self, number: int) -> list[Client]:
        """Return clients that have had an answer, and ask nothing."""
        clients = []
        for each in range(number):
            client = self.ecm.client()
            client.post(b"")
            self.ecm.answer(FIRST_ID + each, b"")
            client.transport.written()
            clients.append(client)
        return clients

    def test_idle_connections_close_over_the_time_the_oldest_first(self) -> None:
        clients = self.idle(10)
        self.draining.begin(5)
        self.assertFalse(any(client.ended for client in clients))
        for ended in (3, 6, 8, 10, 10):
            self.ecm.pass_time(1)
            self.assertEqual(
                [client.ended for client in clients], [True] * ended + [False] * (10 - ended)
            )
            for client in clients[:ended]:
                if client.transport.connected:
                    client.leave()

    def test_a_request_in_flight_gets_its_answer_which_is_the_last(self) -> None:
        client = self.ecm.client()
        client.post(b"")
        self.draining.begin(0)
        self.ecm.pass_time(1)
        self.assertFalse(client.ended)
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertIn(CLOSE, client.transport.written())
        self.assertTrue(client.ended)

    def test_who_stays_keeps_the_connection(self) -> None:
        leaves, stays = self.ecm.client(), self.ecm.client()
        leaves.post(b"")
        stays.post(b"")
        self.draining.begin(600)
        self.ecm.pass_time(1)
        self.ecm.answer(FIRST_ID, b"")
        self.ecm.answer(FIRST_ID + 1, b"")
        self.assertEqual((leaves.ended, stays.ended), (True, False))
        self.assertNotIn(CLOSE, stays.transport.written())
        stays.post(b"")
        self.ecm.answer(FIRST_ID + 1, b"")
        self.assertFalse(stays.ended)

    def test_a_new_client_is_served_and_leaves_in_its_turn(self) -> None:
        self.draining.begin(0)
        self.ecm.pass_time(5)
        client = self.ecm.client()
        client.post(b"")
        self.ecm.answer(FIRST_ID, b"served")
        self.assertTrue(client.transport.written().endswith(b"served"))
        self.assertFalse(client.ended)
        self.ecm.pass_time(1)
        self.assertTrue(client.ended)

    def test_undrained_all_stay_who_have_not_gone(self) -> None:
        held = self.ecm.client()
        held.post(b"")
        self.draining.begin(0)
        self.ecm.pass_time(1)
        self.draining.end()
        self.ecm.answer(FIRST_ID, b"")
        self.assertNotIn(CLOSE, held.transport.written())
        self.ecm.pass_time(2)
        self.assertFalse(held.ended)

    def test_an_end_without_a_beginning_changes_nothing(self) -> None:
        [client] = self.idle(1)
        self.draining.end()
        self.ecm.pass_time(2)
        self.assertFalse(client.ended)

    def test_a_stop_goes_before_it(self) -> None:
        client = self.ecm.client()
        client.post(b"")
        self.draining.begin(600)
        left = self.ecm.registry.drain()
        self.draining.end()
        self.ecm.pass_time(1)
        self.ecm.answer(FIRST_ID, b"")
        self.assertTrue(client.ended)
        client.leave()
        self.successResultOf(left)
