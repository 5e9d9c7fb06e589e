"""The ends of connections to ejabberd, and the traffic until then."""

from twisted.internet.error import (
    ConnectError,
    ConnectionLost,
    ConnectionRefusedError,
    TCPTimedOutError,
    TimeoutError,
)
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.link.packet import encode
from ecm.link.state import Input, State
from ecm.metrics import LINK_ENDS, Metrics
from ecm.upstream.ends import why_ended, why_none
from ecm.upstream.traffic import count_traffic
from testkit.in_memory import PLAIN, TYPED, Joined
from testkit.typed_vectors import HELLO_PACKET


class EndTests(TestCase):
    def test_why_there_was_no_connection(self) -> None:
        for error, why in (
            (ConnectionRefusedError(), "refused"),
            (ConnectError(2, "No such file"), "refused"),
            (ConnectError(13, "Permission denied"), "denied"),
            (TimeoutError(), "silent"),
            (TCPTimedOutError(), "silent"),
            (ConnectError(99, "?"), "other"),
            (ValueError(), "other"),
        ):
            self.assertEqual(why_none(error), why, error)

    def test_all_have_a_name(self) -> None:
        for input in Input:
            for state in State:
                why = why_ended(input.value, state, Failure(ConnectionLost()))
                self.assertIn(why, LINK_ENDS)

    def test_connections_that_end_are_counted(self) -> None:
        ecm = Joined(link=PLAIN)
        ecm.link_down()
        self.assertEqual(ecm.metrics.link_ends, {"lost": 1})
        ecm.link_up()
        ecm.link.dataReceived(b"no packet at all" * 4)
        self.assertEqual(ecm.metrics.link_ends, {"lost": 1, "malformed": 1})

    def test_those_that_do_not_come_about_are_counted(self) -> None:
        ecm = Joined(link=TYPED)
        ecm.pass_time(10)
        self.assertEqual(ecm.metrics.link_ends, {"silent": 1})
        ecm.link_up()
        ecm.link.dataReceived(encode(0, b"error unproven the secret"))
        self.assertEqual(ecm.metrics.link_ends, {"silent": 1, "secret": 1})

    def test_a_node_that_drains_stops(self) -> None:
        ecm = Joined(link=TYPED)
        ecm.link.dataReceived(HELLO_PACKET + encode(0, b"drain"))
        ecm.link_down()
        self.assertEqual(ecm.metrics.link_ends, {"stops": 1})


class TrafficTests(TestCase):
    def traffic(self, ecm: Joined) -> tuple[dict[str, int], dict[str, int]]:
        metrics = Metrics()
        metrics.add(ecm.metrics)
        for link in ecm.pool.links:
            count_traffic(link, metrics)
        return metrics.packets, metrics.traffic

    def test_packets_and_bytes_are_counted_and_kept(self) -> None:
        ecm = Joined(link=PLAIN)
        sent = received = 0
        for size in (5, 500):
            ecm.client().post(b"a" * size)
            ((connection_id, _),) = ecm.received()
            sent += len(encode(connection_id, b"a" * size))
            ecm.answer(connection_id, b"b" * size)
            received += len(encode(connection_id, b"b" * size))
        expected = {"sent": 2, "received": 2}, {"sent": sent, "received": received}
        self.assertEqual(self.traffic(ecm), expected)
        ecm.link_down()
        self.assertEqual(self.traffic(ecm), expected)
        ecm.link_up()
        self.assertEqual(self.traffic(ecm), expected)
