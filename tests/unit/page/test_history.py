"""The figures of the last hour, and the rates of counters."""

import sys

from twisted.trial.unittest import TestCase

from ecm.page.history import NAMES, SAMPLES, History, Rates, Sample


class HistoryTests(TestCase):
    def test_it_has_the_samples_in_their_order(self) -> None:
        history = History(3)
        self.assertEqual(history.of("online"), [])
        for number in range(5):
            history.add(Sample(online=number))
            self.assertEqual(len(history), min(number + 1, 3))
        self.assertEqual(history.of("online"), [2, 3, 4])

    def test_what_was_not_known_is_not_known(self) -> None:
        history = History()
        history.add(Sample(held=0))
        history.add(Sample(online=7))
        self.assertEqual(history.of("online"), [None, 7])
        self.assertEqual(history.of("held"), [0, None])

    def test_it_takes_the_same_memory_for_ever(self) -> None:
        history = History()
        before = self.size(history)
        for number in range(3 * SAMPLES):
            history.add(Sample(*[float(number)] * len(NAMES)))
        self.assertEqual(self.size(history), before)
        self.assertLess(before, 22_000)
        self.assertEqual(len(history.of("online")), SAMPLES)

    def size(self, history: History) -> int:
        return sum(sys.getsizeof(ring) for ring in history._rings.values())


class RatesTests(TestCase):
    def setUp(self) -> None:
        self.rates = Rates()

    def test_a_first_look_knows_no_rate(self) -> None:
        self.assertEqual(self.rates.of({(1, 4101): (100, 3)}, 10), [None, None])

    def test_it_is_the_growth_of_all_processes(self) -> None:
        self.rates.of({(1, 4101): (100, 3), (2, 4102): (50, 0)}, 10)
        self.assertEqual(self.rates.of({(1, 4101): (120, 3), (2, 4102): (80, 5)}, 20), [5, 0.5])

    def test_a_process_that_was_replaced_has_counted_from_0(self) -> None:
        self.rates.of({(1, 4101): (100_000,)}, 10)
        self.assertEqual(self.rates.of({(1, 4199): (30,)}, 20), [3])

    def test_a_process_that_has_gone_takes_nothing_away(self) -> None:
        self.rates.of({(1, 4101): (100,), (2, 4102): (9_000,)}, 10)
        self.assertEqual(self.rates.of({(1, 4101): (150,)}, 20), [5])

    def test_nobody_there_is_no_rate(self) -> None:
        self.assertEqual(self.rates.of({}, 10), [])
