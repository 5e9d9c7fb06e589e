"""Numbers of packets, and what of them is kept."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.link.numbering import Outbox, Receipts


def put(outbox: Outbox, *packets: bytes) -> None:
    outbox.waiting.extend(packets)
    outbox.size += sum(map(len, packets))


class OutboxTests(TestCase):
    def setUp(self) -> None:
        self.outbox = Outbox()

    def test_what_is_acknowledged_leaves(self) -> None:
        put(self.outbox, b"1", b"22", b"333")
        self.outbox.take_waiting(keep=True)
        self.assertTrue(self.outbox.acknowledge(2))
        self.assertEqual(([*self.outbox.sent], self.outbox.size), ([b"333"], 3))
        self.assertTrue(self.outbox.acknowledge(2), "to repeat the last number is no fault")

    def test_what_was_not_sent_or_left_before_cannot_be_acknowledged(self) -> None:
        put(self.outbox, b"1", b"2")
        self.assertFalse(self.outbox.acknowledge(1))
        self.outbox.take_waiting(keep=True)
        for number, right in ((3, False), (2, True), (1, False), (2**64 - 1, False)):
            self.assertEqual(self.outbox.acknowledge(number), right)

    def test_what_is_not_acknowledged_is_sent_again_before_what_is_new(self) -> None:
        put(self.outbox, b"1", b"2")
        self.outbox.take_waiting(keep=True)
        put(self.outbox, b"3")
        self.outbox.acknowledge(1)
        self.outbox.rewind()
        self.assertEqual(self.outbox.take_waiting(keep=True), [b"2", b"3"])
        self.assertEqual(self.outbox.last_sent, 3)

    def test_without_acknowledgements_nothing_is_kept(self) -> None:
        put(self.outbox, b"1", b"2")
        self.assertEqual(self.outbox.take_waiting(keep=False), [b"1", b"2"])
        self.assertEqual((len(self.outbox.sent), self.outbox.size), (0, 0))

    def test_the_age_is_that_of_the_oldest(self) -> None:
        self.assertEqual(self.outbox.age(0), 0)
        put(self.outbox, b"1")
        self.assertEqual(self.outbox.age(1), 0)
        self.outbox.take_waiting(keep=True)
        put(self.outbox, b"2")
        self.assertEqual([self.outbox.age(now) for now in (2, 3, 4)], [1, 2, 3])
        self.outbox.acknowledge(1)
        self.assertEqual(self.outbox.age(5), 3)
        self.outbox.take_waiting(keep=True)
        self.outbox.acknowledge(2)
        self.assertEqual(self.outbox.age(100), 0)

    @given(st.lists(st.integers(0, 6), max_size=60))
    def test_numbers_and_bytes_are_always_right(self, steps: list[int]) -> None:
        outbox, made, now = Outbox(), 0, 0.0
        for step in steps:
            now += 1
            if step < 3:
                made += 1
                put(outbox, b"x" * made)
            elif step == 3:
                outbox.take_waiting(keep=True)
            elif step == 4:
                outbox.rewind()
            else:
                outbox.acknowledge(outbox.acknowledged + len(outbox.sent) // 2)
            left = [*outbox.sent, *outbox.waiting]
            self.assertEqual(
                [len(each) for each in left], [*range(outbox.acknowledged + 1, made + 1)]
            )
            self.assertEqual(outbox.size, sum(map(len, left)))
            self.assertLessEqual(outbox.age(now), now)
            self.assertEqual(outbox.age(now) > 0, bool(left) and outbox.age(now) > 0)


class ReceiptsTests(TestCase):
    def test_what_is_told_is_not_due_again(self) -> None:
        receipts = Receipts()
        receipts.number, receipts.size = 7, 100
        self.assertEqual(receipts.tell(), 7)
        self.assertEqual((receipts.told, receipts.size), (7, 0))
