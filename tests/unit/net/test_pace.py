"""The pace of turns that read several sockets."""

from unittest import TestCase

from twisted.internet.task import Clock

from ecm.limits import TURN_INTERVAL
from ecm.net.pace import Pace


class PaceTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.rests: list[float] = []
        self.pace = Pace(self.clock, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.clock.advance(seconds)

    def ends(self, after: float) -> list[float]:
        """Return the rests behind a turn that ends so many intervals after the last rest, in
        intervals."""
        self.clock.advance(after * TURN_INTERVAL)
        self.pace.keep()
        found, self.rests = self.rests, []
        return [round(rest / TURN_INTERVAL, 6) for rest in found]

    def test_there_is_no_rest_behind_the_first(self) -> None:
        self.assertEqual(self.ends(0), [])

    def test_one_that_ends_soon_after_the_one_before_rests_for_what_is_left(self) -> None:
        self.ends(5)
        self.assertEqual([self.ends(each) for each in (0.25, 0.75, 0)], [[0.75], [0.25], [1]])

    def test_one_that_took_longer_does_not_rest(self) -> None:
        self.ends(5)
        self.assertEqual([self.ends(each) for each in (1, 1.5, 0.5)], [[], [], [0.5]])

    def test_a_clock_that_was_set_back_makes_no_longer_rest(self) -> None:
        """That of a reactor which is not a worker's is the system's."""
        self.clock.advance(3600)
        self.pace.keep()
        self.clock.rightNow -= 3599
        self.assertEqual(self.ends(0), [1])
