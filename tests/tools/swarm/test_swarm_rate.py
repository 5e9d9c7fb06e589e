"""So many a second."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.tools.swarm.rate import Pacer


def begun(pacer: Pacer, clock: Clock, seconds: float, step: float = 0.05) -> int:
    """How many begin in this time."""
    number = 0
    for _ in range(round(seconds / step)):
        clock.advance(step)
        for _ in range(pacer.due(clock.seconds())):
            pacer.begin()
            number += 1
    return number


class PacerTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_as_many_as_the_rate_says(self) -> None:
        for rate in (0.5, 3.0, 20.0, 1000.0):
            pacer = Pacer(rate, self.clock.seconds())
            self.assertEqual(begun(pacer, self.clock, 10), 10 * rate)

    def test_none_at_first(self) -> None:
        self.assertEqual(Pacer(100.0, 0.0).due(0.0), 0)

    def test_none_at_all(self) -> None:
        self.assertEqual(begun(Pacer(0.0, 0.0), self.clock, 10), 0)

    def test_no_burst_after_a_stop(self) -> None:
        pacer = Pacer(10.0, 0.0)
        self.clock.advance(100)
        self.assertEqual(pacer.due(self.clock.seconds()), 10)
        self.assertIn(begun(pacer, self.clock, 1), (19, 20))

    def test_a_slow_rate_after_a_stop(self) -> None:
        self.assertEqual(Pacer(0.1, 0.0).due(1000.0), 1)

    def test_without_a_limit(self) -> None:
        self.assertGreater(Pacer(None, 0.0).due(0.0), 10**9)
