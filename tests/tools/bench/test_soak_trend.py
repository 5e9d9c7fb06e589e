"""The growth of a series of a soak."""

import random

from twisted.trial.unittest import TestCase

from bench.soak.trend import Point, Trend, trend

HOUR = 3600.0


def line(start: float, per_hour: float, hours: float = 8.0, every: float = 60.0) -> list[Point]:
    count = round(hours * HOUR / every) + 1
    return [(at * every, start + per_hour * at * every / HOUR) for at in range(count)]


class TrendTests(TestCase):
    def trend(self, *stretches: list[Point], floor: float = 0.0) -> Trend:
        found = trend(stretches, floor)
        assert found is not None
        return found

    def test_what_stays_is_flat(self) -> None:
        found = self.trend(line(100, 0))
        self.assertEqual((found.level, found.growth, found.grows), (100, 0, False))

    def test_what_grows_by_more_than_two_percent_grows(self) -> None:
        self.assertFalse(self.trend(line(100, 0.24)).grows)
        found = self.trend(line(100, 0.26))
        self.assertAlmostEqual(found.growth, 8 * 0.26)
        self.assertTrue(found.grows)

    def test_what_falls_does_not_grow(self) -> None:
        self.assertFalse(self.trend(line(100, -5)).grows)

    def test_noise_and_peaks_do_not_turn_it(self) -> None:
        noise = random.Random(1)
        points = [(at, figure + noise.gauss(0, 5)) for at, figure in line(100, 0)]
        points[-9:] = [(at, 10 * figure) for at, figure in points[-9:]]
        self.assertFalse(self.trend(points).grows)

    def test_a_leak_is_seen_through_the_noise(self) -> None:
        noise = random.Random(1)
        points = [(at, figure + noise.gauss(0, 5)) for at, figure in line(100, 1)]
        self.assertLess(abs(self.trend(points).growth - 8), 1)

    def test_a_saw_of_stretches_that_grow_each_grows(self) -> None:
        """A part that is started anew hides nothing: its leak is that of all the time."""
        teeth = [
            [(at + 2 * HOUR * tooth, figure) for at, figure in line(100, 1, hours=2)]
            for tooth in range(4)
        ]
        self.assertAlmostEqual(self.trend(*teeth).growth, 8)

    def test_levels_that_differ_between_stretches_are_no_growth(self) -> None:
        self.assertFalse(self.trend(line(100, 0), line(200, 0)).grows)

    def test_a_growth_below_the_floor_says_nothing(self) -> None:
        self.assertTrue(self.trend(line(2, 1)).grows)
        self.assertFalse(self.trend(line(2, 1), floor=10).grows)

    def test_one_point_says_nothing(self) -> None:
        self.assertIsNone(trend([[(0.0, 1.0)], []]))
        self.assertIsNone(trend([[(0.0, 1.0), (0.0, 2.0)]]))

    def test_what_is_nothing_has_no_share(self) -> None:
        self.assertEqual(self.trend(line(0, 0)).share, 0)
