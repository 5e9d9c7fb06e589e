"""The connection table of one link, by itself."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.metrics import Metrics
from ecm.upstream.pending import NO_LINK, NOT_UNDERSTOOD
from ecm.upstream.table import ConnectionTable
from testkit.pending import NotedExchange


class ConnectionTableTests(TestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.table = ConnectionTable(self.metrics, max_content=10)
        self.exchange = NotedExchange(7)
        self.table.add(self.exchange)

    def test_an_answer_reaches_its_exchange_once(self) -> None:
        self.table.answer(7, 200, b"x", "text/html")
        self.table.answer(7, 200, b"again")
        self.assertEqual(self.exchange.got, [(200, b"x", "text/html")])
        self.assertEqual(len(self.table), 0)
        metrics = self.metrics
        self.assertEqual((metrics.requests, metrics.answers, metrics.orphaned), (1, 1, 1))

    def test_an_answer_for_nobody_is_an_orphan(self) -> None:
        self.assertEqual(self.table.part(8, b"x"), "")
        self.table.answer(8, 200, b"x")
        self.table.drop(8)
        self.assertEqual((self.exchange.got, self.metrics.orphaned, len(self.table)), ([], 2, 1))

    def test_parts_come_together(self) -> None:
        self.assertEqual(self.table.part(7, b"abc"), "")
        self.assertEqual(self.table.part(7, b"def"), "")
        self.table.answer(7, 200, b"g")
        self.assertEqual(self.exchange.got, [(200, b"abcdefg", None)])

    def test_too_much_is_a_fault_of_the_part(self) -> None:
        self.assertEqual(self.table.part(7, b"x" * 11), "an answer of more than 10 bytes")
        self.table.fail(7)
        self.assertEqual((self.exchange.got, self.metrics.failed), ([NOT_UNDERSTOOD], 1))

    def test_nothing_is_left_of_one_that_is_removed(self) -> None:
        self.table.part(7, b"abc")
        self.assertTrue(7 in self.table and self.table.remove(7))
        self.assertFalse(7 in self.table or self.table.remove(7))
        self.table.add(self.exchange)  # the connection asks again, under its ID
        self.table.answer(7, 200, b"d")
        self.assertEqual(self.exchange.got, [(200, b"d", None)])

    def test_a_client_is_dropped(self) -> None:
        self.table.part(7, b"abc")
        self.table.drop(7)
        self.assertEqual((self.exchange.got, len(self.table)), ([None], 0))

    def test_a_failure_for_nobody_is_counted(self) -> None:
        self.table.fail(8)
        self.assertEqual((self.exchange.got, self.metrics.failed), ([], 1))

    def test_all_are_lost_with_the_link(self) -> None:
        other = NotedExchange(8)
        self.table.add(other)
        self.table.part(8, b"abc")
        for lost in self.table.take_all():
            lost.rejected(NO_LINK)
        self.assertEqual((self.exchange.got, other.got), ([NO_LINK], [NO_LINK]))
        self.assertEqual((len(self.table), self.metrics.lost), (0, 2))

    def test_who_asks_again_when_it_is_lost_is_not_lost_at_once(self) -> None:
        again = NotedExchange(9)
        self.patch(self.exchange, "rejected", lambda why: self.table.add(again))
        for lost in self.table.take_all():
            lost.rejected(NO_LINK)
        self.assertEqual((again.got, len(self.table)), ([], 1))

    @given(st.lists(st.tuples(st.sampled_from("arpdfl"), st.integers(1, 4)), max_size=40))
    def test_each_exchange_ends_once(self, steps: list[tuple[str, int]]) -> None:
        table, waiting, ended = ConnectionTable(Metrics(), 10), {}, []
        do = {
            "r": table.remove,
            "p": lambda each: table.part(each, b"xyz"),
            "d": table.drop,
            "f": table.fail,
            "l": lambda each: table.answer(each, 200, b""),
        }
        for what, each in steps:
            if what == "a" and each not in waiting:
                waiting[each] = NotedExchange(each)
                table.add(waiting[each])
            elif what != "a":
                do[what](each)
            if what in "rdfl" and each in waiting:
                ended.append((what, waiting.pop(each)))
            self.assertEqual(len(table), len(waiting))
        for what, exchange in ended:
            self.assertEqual(len(exchange.got), what != "r")
        self.assertFalse(any(exchange.got for exchange in waiting.values()))
