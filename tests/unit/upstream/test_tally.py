"""The tally: what happens often is logged rarely, and counted."""

from twisted.trial.unittest import TestCase

from ecm.limits import LOG_INTERVAL
from ecm.upstream.tally import Tally

NOTHING = (0, "")


class TallyTests(TestCase):
    def test_the_first_time_is_logged_at_once_and_others_as_a_number(self) -> None:
        tally = Tally()
        self.assertEqual([tally.add(what) for what in "abc"], [True, False, False])
        self.assertEqual(tally.tick(100), NOTHING)
        self.assertFalse(tally.add("d"))
        self.assertEqual(tally.tick(99.9 + LOG_INTERVAL), NOTHING)
        self.assertEqual(tally.tick(100 + LOG_INTERVAL), (3, "d"))
        self.assertFalse(tally.add("e"))
        self.assertEqual(tally.tick(101 + LOG_INTERVAL), NOTHING)
        self.assertEqual(tally.tick(101 + 2 * LOG_INTERVAL), (1, "e"))

    def test_after_a_quiet_interval_it_is_the_first_time_again(self) -> None:
        tally = Tally()
        tally.add("a")
        tally.tick(0)
        self.assertEqual(tally.tick(LOG_INTERVAL)[0], 0)
        self.assertEqual(tally.tick(5 * LOG_INTERVAL), NOTHING)
        self.assertTrue(tally.add("b"))
