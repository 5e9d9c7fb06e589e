"""The pulse of a worker: when its silence counts, and for how much."""

from twisted.trial.unittest import TestCase

from ecm.limits import MAX_PULSE_CHECK, PULSE_CHECK, WORKER_START_TIMEOUT
from ecm.workers.pulse import Pulse


class PulseTests(TestCase):
    def setUp(self) -> None:
        self.pulse = Pulse(4)
        self.pulse.heard()

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / PULSE_CHECK)):
            self.pulse.tick(PULSE_CHECK)

    def test_it_is_weak_after_half_the_time_and_has_stopped_after_all_of_it(self) -> None:
        for seconds, weak, stopped in ((1.5, False, False), (0.5, True, False), (2, True, True)):
            self.pass_time(seconds)
            self.assertEqual((self.pulse.is_weak, self.pulse.has_stopped), (weak, stopped))

    def test_with_each_word_it_begins_anew(self) -> None:
        for _ in range(10):
            self.pass_time(3.5)
            self.pulse.heard()
        self.assertEqual((self.pulse.is_weak, self.pulse.has_stopped), (False, False))

    def test_a_look_that_is_late_counts_as_one_in_time(self) -> None:
        self.pulse.tick(3600)
        self.assertEqual(self.pulse.silence, MAX_PULSE_CHECK)
        self.assertFalse(self.pulse.is_weak)

    def test_before_its_first_word_it_has_the_time_to_start(self) -> None:
        self.pulse = Pulse(4)
        self.pass_time(WORKER_START_TIMEOUT - PULSE_CHECK)
        self.assertFalse(self.pulse.has_stopped)
        self.pass_time(PULSE_CHECK)
        self.assertTrue(self.pulse.has_stopped)

    def test_it_is_hopeless_after_three_times_as_long(self) -> None:
        self.pass_time(11.5)
        self.assertFalse(self.pulse.is_hopeless)
        self.pass_time(0.5)
        self.assertTrue(self.pulse.is_hopeless)

    def test_a_longer_time_is_that_to_start_too(self) -> None:
        self.pulse = Pulse(100)
        self.pass_time(99)
        self.assertFalse(self.pulse.has_stopped)
