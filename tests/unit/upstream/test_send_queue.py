"""The send queue of a link: the packets of a turn go in one piece."""

from collections.abc import Callable
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_GATHERED
from ecm.upstream.send_queue import SendQueue
from testkit.in_memory import Transport

HIGH_WATER = 2 * MAX_GATHERED


class Turn:
    """A turn that ends when the test says so."""

    def __init__(self) -> None:
        self._acts: list[Callable[[], None]] = []

    def at_end(self, act: Callable[[], None]) -> None:
        self._acts.append(act)

    def end(self) -> None:
        while self._acts:
            self._acts.pop(0)()


class GatheringTests(TestCase):
    def setUp(self) -> None:
        self.turn = Turn()
        self.congested: list[bool] = []
        self.pieces: list[bytes] = []
        self.transport: Any = Transport(Clock())
        self.patch(self.transport, "write", self.pieces.append)
        self.queue = self.attached(keeps=False)

    def attached(self, keeps: bool) -> SendQueue:
        queue = SendQueue(HIGH_WATER, self.congested.append, keeps, self.turn.at_end)
        queue.attach(self.transport)
        return queue

    def write(self, *packets: bytes) -> None:
        for packet in packets:
            self.queue.write(packet)

    def test_the_packets_of_a_turn_go_in_one_piece_at_its_end(self) -> None:
        for turn in ([b"a", b"b", b"c"], [b"d"]):
            self.write(*turn)
            self.turn.end()
        self.assertEqual(self.pieces, [b"abc", b"d"])

    def test_all_are_counted_whether_they_are_kept_or_not(self) -> None:
        for keeps in (False, True):
            self.queue = self.attached(keeps)
            self.write(b"a", b"bc")
            self.turn.end()
            outbox = self.queue.outbox
            self.assertEqual((outbox.last_sent, outbox.left + outbox.size), (2, 3))

    def test_a_turn_that_has_much_to_send_does_not_keep_it_to_its_end(self) -> None:
        self.write(*[b"x" * 1024] * (MAX_GATHERED // 1024 + 2))
        self.assertEqual([len(piece) for piece in self.pieces], [MAX_GATHERED + 2048])
        self.write(b"y")
        self.turn.end()
        self.assertEqual(self.pieces[1:], [b"y"])

    def test_what_is_gathered_goes_before_the_connection_ends(self) -> None:
        self.write(b"last")
        self.queue.detach()
        self.assertEqual(self.pieces, [b"last"])

    def test_where_the_transport_has_had_enough_it_waits_and_congests_the_link(self) -> None:
        self.queue.pauseProducing()
        self.write(*[b"x" * MAX_GATHERED] * 3)
        self.turn.end()
        self.assertEqual((self.pieces, self.congested), ([], [True]))
        self.queue.resumeProducing()
        self.assertEqual(len(self.pieces[0]), 3 * MAX_GATHERED)
        self.assertEqual(self.congested, [True, False])
