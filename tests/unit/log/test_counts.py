"""Counts of faults: the first at once, the others by the minute, in bounded memory."""

import random
import tracemalloc

from twisted.trial.unittest import TestCase

from ecm.limits import FAULT_INTERVAL, MAX_FAULT, MAX_FAULT_SOURCES, MAX_FAULTS
from ecm.log.counts import OTHERS, Counted, FaultCounts, Sources


class SourcesTests(TestCase):
    def test_whoever_does_more_than_half_is_found_in_a_crowd(self) -> None:
        sources = Sources()
        crowd = [f"192.0.2.{number}" for number in range(250)] + ["198.51.100.7"] * 400
        random.Random(1).shuffle(crowd)
        for address in crowd:
            sources.add(address)
        self.assertEqual((sources.total, sources.most), (650, "198.51.100.7"))

    def test_nobody_is_blamed_for_the_half_of_others(self) -> None:
        sources = Sources()
        for number in range(1000):
            sources.add("198.51.100.7" if number % 2 else f"192.0.2.{number}")
        self.assertEqual(sources.most, "")

    def test_few_numbers_are_kept(self) -> None:
        sources = Sources()
        for number in range(10_000):
            sources.add(f"192.0.2.{number}")
            self.assertLessEqual(len(sources._numbers), MAX_FAULT_SOURCES)


class FaultCountsTests(TestCase):
    def setUp(self) -> None:
        self.counts: FaultCounts[str] = FaultCounts()

    def minute(self, now: float) -> list[Counted[str]]:
        """The end of a minute that has begun at a time."""
        self.assertEqual(self.counts.tick(now), [])
        self.assertEqual(self.counts.tick(now + FAULT_INTERVAL - 0.1), [])
        return self.counts.tick(now + FAULT_INTERVAL)

    def test_the_first_is_told_at_once_and_all_of_the_minute_in_the_sum(self) -> None:
        told = [self.counts.add("HTTP", "413", "192.0.2.1") for _ in range(3)]
        self.assertEqual(told, [True, False, False])
        self.assertEqual(self.minute(100), [Counted("HTTP", "413", 3, "192.0.2.1")])

    def test_what_has_been_told_is_not_told_again(self) -> None:
        self.counts.add("HTTP", "413", "192.0.2.1")
        self.counts.add("TLS", "alert", "192.0.2.1")
        self.assertEqual(self.minute(100), [])

    def test_the_most_frequent_reason_comes_first(self) -> None:
        for why, number in (("400", 2), ("413", 5), ("404", 3)):
            for each in range(number):
                self.counts.add("HTTP", why, f"192.0.2.{each}")
        self.assertEqual([each.why for each in self.minute(0)], ["413", "404", "400"])

    def test_what_goes_on_is_told_once_a_minute(self) -> None:
        self.assertTrue(self.counts.add("HTTP", "413", ""))
        self.counts.tick(0)
        for number in range(1, 5):
            told = [self.counts.add("HTTP", "413", "") for _ in range(number)]
            self.assertEqual(told, [False] * number)
            counted = self.counts.tick(number * FAULT_INTERVAL)
            self.assertEqual(counted, [Counted("HTTP", "413", number + (number == 1), "")])

    def test_after_a_quiet_minute_the_first_is_told_at_once_again(self) -> None:
        self.counts.add("HTTP", "413", "")
        self.minute(0)
        self.assertFalse(self.counts.add("HTTP", "413", ""))
        self.assertEqual(len(self.counts.tick(2 * FAULT_INTERVAL)), 1)
        self.assertEqual(self.counts.tick(3 * FAULT_INTERVAL), [])
        self.assertTrue(self.counts.add("HTTP", "413", ""))

    def test_reasons_that_clients_invent_are_one(self) -> None:
        for number in range(10 * MAX_FAULTS):
            self.counts.add("HTTP", f"404 /{number}", "")
        counted = self.minute(0)
        self.assertEqual(counted[0], Counted("HTTP", OTHERS, 9 * MAX_FAULTS, ""))
        self.assertEqual(len(counted), MAX_FAULTS + 1)

    def test_memory_is_bounded_whatever_clients_do(self) -> None:
        self.counts.add("HTTP", "", "")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for number in range(20_000):
            address = f"2001:db8::{number:x}"
            self.counts.add("HTTP", f"404 /{number}" + "x" * 10_000, address)
        taken, _ = tracemalloc.get_traced_memory()
        self.assertLess(taken, 2 * MAX_FAULTS * (MAX_FAULT + 200 * MAX_FAULT_SOURCES))
