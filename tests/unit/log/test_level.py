"""The level of the log, which may be changed for a while."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.log.level import PRIORITIES, Threshold


class ThresholdTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.threshold = Threshold()

    def admitted(self) -> list[str]:
        return [level for level in PRIORITIES if self.threshold.admits(level)]

    def test_events_below_the_level_are_not_written(self) -> None:
        self.assertEqual(self.admitted(), ["info", "warn", "error", "critical"])
        self.threshold.set("error")
        self.assertEqual(self.admitted(), ["error", "critical"])

    def test_a_level_for_a_while_ends(self) -> None:
        self.threshold.set("warn")
        self.threshold.set_for(60, "debug", self.clock)
        self.clock.advance(59)
        self.assertEqual(self.threshold.level, "debug")
        self.clock.advance(1)
        self.assertEqual(self.threshold.level, "warn")

    def test_the_last_order_counts(self) -> None:
        self.threshold.set_for(10, "debug", self.clock)
        self.threshold.set_for(60, "error", self.clock)
        self.clock.advance(20)
        self.assertEqual(self.threshold.level, "error")
        self.threshold.set("critical")
        self.clock.advance(60)
        self.assertEqual(self.threshold.level, "critical")

    def test_another_process_goes_on_with_the_same(self) -> None:
        other = Threshold()
        self.threshold.set("warn")
        other.take(self.threshold.levels(self.clock), self.clock)
        self.assertEqual(other.level, "warn")
        self.threshold.set_for(60, "debug", self.clock)
        self.clock.advance(20)
        other.take(self.threshold.levels(self.clock), self.clock)
        for left, level in ((39, "debug"), (1, "warn")):
            self.clock.advance(left)
            self.assertEqual((self.threshold.level, other.level), (level, level))

    def test_a_level_that_is_none_changes_nothing(self) -> None:
        self.assertRaises(ValueError, self.threshold.set, "loud")
        self.assertRaises(ValueError, self.threshold.set_for, 1, "", self.clock)
        self.assertEqual(self.threshold.level, "info")
        self.assertEqual(self.clock.getDelayedCalls(), [])
