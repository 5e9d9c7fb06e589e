"""Answers that come in parts, as an exchange gets them, and how much of them is held."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_PARTIAL_ANSWERS
from ecm.metrics import Metrics
from ecm.upstream.parts import TOO_MANY, PartialAnswers
from ecm.upstream.pending import NOT_UNDERSTOOD, Pending
from testkit.pending import NotedExchange


class PartialAnswersTests(TestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.answers = PartialAnswers(self.metrics)
        self.answers.max_content = 10
        self.exchange = NotedExchange(7)

    def pending(self, *parts: bytes) -> Pending:
        pending: Pending = self.exchange
        for part in parts:
            pending, fault = self.answers.add(pending, part)
            self.assertEqual(fault, "")
        return pending

    def test_all_parts_come_together(self) -> None:
        pending = self.pending(b"abc", b"", b"def")
        self.assertEqual((pending.id, self.exchange.got), (7, []))
        pending.answered(200, b"ghij", "text/html")
        self.assertEqual(self.exchange.got, [(200, b"abcdefghij", "text/html")])
        self.assertEqual(len(self.answers), 0)

    def test_more_than_may_be_is_refused(self) -> None:
        pending = self.pending(b"abcdefghij")
        _, fault = self.answers.add(pending, b"k")
        self.assertEqual(fault, "an answer of more than 10 bytes")

    def test_so_is_the_last_part_that_makes_it_more(self) -> None:
        self.pending(b"abcdefghij").answered(200, b"k", None)
        self.assertEqual(self.exchange.got, [NOT_UNDERSTOOD])
        self.assertEqual((self.metrics.failed, len(self.answers)), (1, 0))

    def test_nothing_is_held_of_an_answer_that_does_not_come(self) -> None:
        self.pending(b"abc").rejected("why")
        self.pending(b"abc").dropped()
        self.pending(b"abc")
        self.answers.forget(7)
        self.assertEqual((self.exchange.got, len(self.answers)), (["why", None], 0))

    def test_parts_of_nothing_take_nothing(self) -> None:
        pending = self.pending(b"abc")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(100_000):
            self.answers.add(pending, b"")
        self.assertLess(tracemalloc.get_traced_memory()[0], 10_000)

    def test_few_are_gathered_at_a_time(self) -> None:
        first = [
            self.answers.add(NotedExchange(each), b"x")[0] for each in range(MAX_PARTIAL_ANSWERS)
        ]
        other = NotedExchange(99)
        self.assertEqual(self.answers.add(other, b"x"), (other, TOO_MANY))
        self.assertEqual(self.answers.add(first[0], b"y"), (first[0], ""))
        first[1].answered(200, b"", None)
        self.assertEqual(self.answers.add(other, b"x")[1], "")

    @given(st.lists(st.tuples(st.integers(1, 6), st.binary(max_size=6)), max_size=60))
    def test_no_more_is_held_than_may_be(self, parts: list[tuple[int, bytes]]) -> None:
        answers = PartialAnswers(Metrics())
        answers.max_content = 10
        pending: dict[int, Pending] = {each: NotedExchange(each) for each in range(1, 7)}
        sizes = dict.fromkeys(pending, 0)
        for connection_id, part in parts:
            pending[connection_id], fault = answers.add(pending[connection_id], part)
            sizes[connection_id] += len(part)
            if fault:
                pending[connection_id].rejected(fault)
                pending[connection_id], sizes[connection_id] = NotedExchange(connection_id), 0
            self.assertLessEqual(len(answers), MAX_PARTIAL_ANSWERS)
            self.assertLessEqual(max(sizes.values()), 10)
