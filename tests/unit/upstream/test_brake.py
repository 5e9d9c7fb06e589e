"""The brake of a link that breaks again and again."""

from collections.abc import Iterable

from twisted.trial.unittest import TestCase

from ecm.limits import RECONNECT_BURST, RECONNECT_RATE
from ecm.upstream.brake import Brake


def pauses(times: Iterable[float]) -> list[float]:
    brake = Brake()
    return [brake.pause(now) for now in times]


class BrakeTests(TestCase):
    def test_links_that_last_for_seconds_meet_no_brake(self) -> None:
        for times in ([1000.0], range(0, 90, 15), range(0, 60, 3), range(0, 3600, 2)):
            self.assertEqual({*pauses(times)}, {0.0})

    def test_one_that_always_breaks_at_once_comes_at_the_rate(self) -> None:
        brake, now, links = Brake(), 5000.0, 0
        while now < 5100:
            now += brake.pause(now) + 0.01
            links += 1
        self.assertAlmostEqual(links, RECONNECT_BURST + 100 * RECONNECT_RATE, delta=2)

    def test_it_lets_go_after_a_while(self) -> None:
        brake = Brake()
        braked = [brake.pause(0) for _ in range(RECONNECT_BURST + 1)]
        self.assertEqual(braked, [0.0] * RECONNECT_BURST + [1 / RECONNECT_RATE])
        later = (RECONNECT_BURST + 1) / RECONNECT_RATE
        self.assertEqual([brake.pause(later) for _ in range(RECONNECT_BURST)], braked[:-1])
