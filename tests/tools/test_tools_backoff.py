"""The pauses before a restart."""

from twisted.trial.unittest import TestCase

from ecm.tools.backoff import Backoff


class BackoffTest(TestCase):
    def test_first_restart_is_at_once_and_then_ever_later(self) -> None:
        backoff = Backoff()
        self.assertEqual([backoff.next_pause(0.1) for _ in range(5)], [0, 1, 2, 4, 8])

    def test_has_an_upper_bound(self) -> None:
        backoff = Backoff()
        self.assertEqual(max(backoff.next_pause(0.1) for _ in range(100)), 30)

    def test_forgets_after_a_long_run(self) -> None:
        backoff = Backoff()
        pauses = [backoff.next_pause(ran) for ran in (1, 1, 1, 60, 1)]
        self.assertEqual(pauses, [0, 1, 2, 0, 1])
