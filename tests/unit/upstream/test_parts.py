"""Answers that come in parts, in the table: who gets them, and how much of them is held."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_GATHERED
from ecm.metrics import Counters
from ecm.upstream.parts import TOO_MANY, Gathered
from ecm.upstream.pending import NOT_UNDERSTOOD, Waiting


class Asker:
    """Notes what becomes of a request."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.got: list[object] = []

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        self.got.append((status, body, content_type))

    def refused(self, why: str) -> None:
        self.got.append(why)

    def dropped(self) -> None:
        self.got.append(None)


class GatheringTests(TestCase):
    def setUp(self) -> None:
        self.counters = Counters()
        self.gathered = Gathered(self.counters)
        self.gathered.max_content = 10
        self.asker = Asker(7)

    def gathering(self, *parts: bytes) -> Waiting:
        waiting: Waiting = self.asker
        for part in parts:
            waiting, fault = self.gathered.add(waiting, part)
            self.assertEqual(fault, "")
        return waiting

    def test_all_parts_come_together(self) -> None:
        waiting = self.gathering(b"abc", b"", b"def")
        self.assertEqual((waiting.id, self.asker.got), (7, []))
        waiting.answered(200, b"ghij", "text/html")
        self.assertEqual(self.asker.got, [(200, b"abcdefghij", "text/html")])
        self.assertEqual(len(self.gathered), 0)

    def test_more_than_may_be_is_refused(self) -> None:
        waiting = self.gathering(b"abcdefghij")
        _, fault = self.gathered.add(waiting, b"k")
        self.assertEqual(fault, "an answer of more than 10 bytes")

    def test_so_is_the_last_part_that_makes_it_more(self) -> None:
        self.gathering(b"abcdefghij").answered(200, b"k", None)
        self.assertEqual(self.asker.got, [NOT_UNDERSTOOD])
        self.assertEqual((self.counters.failed, len(self.gathered)), (1, 0))

    def test_nothing_is_held_of_an_answer_that_does_not_come(self) -> None:
        self.gathering(b"abc").refused("why")
        self.gathering(b"abc").dropped()
        self.gathering(b"abc")
        self.gathered.forget(7)
        self.assertEqual((self.asker.got, len(self.gathered)), (["why", None], 0))

    def test_parts_of_nothing_take_nothing(self) -> None:
        waiting = self.gathering(b"abc")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(100_000):
            self.gathered.add(waiting, b"")
        self.assertLess(tracemalloc.get_traced_memory()[0], 10_000)

    def test_few_are_gathered_at_a_time(self) -> None:
        first = [self.gathered.add(Asker(each), b"x")[0] for each in range(MAX_GATHERED)]
        other = Asker(99)
        self.assertEqual(self.gathered.add(other, b"x"), (other, TOO_MANY))
        self.assertEqual(self.gathered.add(first[0], b"y"), (first[0], ""))
        first[1].answered(200, b"", None)
        self.assertEqual(self.gathered.add(other, b"x")[1], "")

    @given(st.lists(st.tuples(st.integers(1, 6), st.binary(max_size=6)), max_size=60))
    def test_no_more_is_held_than_may_be(self, parts: list[tuple[int, bytes]]) -> None:
        gathered = Gathered(Counters())
        gathered.max_content = 10
        waiting: dict[int, Waiting] = {each: Asker(each) for each in range(1, 7)}
        sizes = dict.fromkeys(waiting, 0)
        for connection_id, part in parts:
            waiting[connection_id], fault = gathered.add(waiting[connection_id], part)
            sizes[connection_id] += len(part)
            if fault:
                waiting[connection_id].refused(fault)
                waiting[connection_id], sizes[connection_id] = Asker(connection_id), 0
            self.assertLessEqual(len(gathered), MAX_GATHERED)
            self.assertLessEqual(max(sizes.values()), 10)
