"""So many a second."""

from math import inf

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.tools.swarm.rate import Rate


def begun(rate: Rate, clock: Clock, seconds: float, step: float = 0.05) -> int:
    """Return how many begin in this time."""
    number = 0
    for _ in range(round(seconds / step)):
        clock.advance(step)
        for _ in range(rate.due(clock.seconds())):
            rate.begin()
            number += 1
    return number


class RateTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_as_many_as_the_rate_says(self) -> None:
        for number in (0.5, 3.0, 20.0, 1000.0):
            rate = Rate(number, self.clock.seconds())
            self.assertEqual(begun(rate, self.clock, 10), 10 * number)

    def test_none_at_first(self) -> None:
        self.assertEqual(Rate(100.0, 0.0).due(0.0), 0)

    def test_none_at_all(self) -> None:
        self.assertEqual(begun(Rate(0.0, 0.0), self.clock, 10), 0)

    def test_no_burst_after_a_stop(self) -> None:
        rate = Rate(10.0, 0.0)
        self.clock.advance(100)
        self.assertEqual(rate.due(self.clock.seconds()), 10)
        self.assertIn(begun(rate, self.clock, 1), (19, 20))

    def test_a_slow_rate_after_a_stop(self) -> None:
        self.assertEqual(Rate(0.1, 0.0).due(1000.0), 1)

    def test_without_a_limit(self) -> None:
        self.assertGreater(Rate(None, 0.0).due(0.0), 10**9)

    def test_the_time_until_the_next_one(self) -> None:
        rate = Rate(10.0, 5.0)
        self.assertAlmostEqual(rate.wait(5.0), 0.1)
        self.assertAlmostEqual(rate.wait(5.04), 0.06)

    def test_what_waits_for_the_next_one_is_in_time_for_each(self) -> None:
        rate = Rate(1900.0, 0.0)
        for _ in range(1000):
            self.clock.advance(rate.wait(self.clock.seconds()))
            self.assertEqual(rate.due(self.clock.seconds()), 1)
            rate.begin()
        self.assertAlmostEqual(self.clock.seconds(), 1000 / 1900)

    def test_nothing_to_wait_for(self) -> None:
        self.assertEqual(Rate(10.0, 0.0).wait(0.2), inf)  # two are due already
        self.assertEqual(Rate(0.0, 0.0).wait(7.0), inf)
        self.assertEqual(Rate(None, 0.0).wait(7.0), inf)
