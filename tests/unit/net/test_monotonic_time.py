"""The system's time is set by hand, or by NTP: no timer notices."""

from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.trial.unittest import TestCase

from ecm.net.clock import CoarseClock
from ecm.net.reactor import use_monotonic_time

HOUR = 3600


class SteppedReactor(EPollReactor):
    """A reactor whose system clock a test can set."""

    now = 1_800_000_000.0

    def seconds(self) -> float:
        return self.now


class StepTests(TestCase):
    def setUp(self) -> None:
        reactor: Any = SteppedReactor()
        self.addCleanup(reactor.disconnectAll)
        self.reactor = reactor

    def test_a_step_moves_no_timer(self) -> None:
        before = self.reactor.callLater(50, lambda: None)
        use_monotonic_time(self.reactor)
        later = self.reactor.callLater(40, lambda: None)
        clock = CoarseClock(self.reactor, lambda: self.reactor.now)
        started = clock.seconds()
        for step in (HOUR, -2 * HOUR):
            self.reactor.now += step
            self.assertAlmostEqual(self.reactor.timeout(), 40, places=-1)
            self.assertAlmostEqual(before.getTime() - later.getTime(), 10, places=-1)
            self.assertAlmostEqual(clock.seconds(), started, places=-1)

    def test_a_timer_that_ran_before_can_be_moved(self) -> None:
        before = self.reactor.callLater(50, lambda: None)
        use_monotonic_time(self.reactor)
        before.reset(20)
        self.assertAlmostEqual(self.reactor.timeout(), 20, places=-1)

    def test_the_date_is_the_systems(self) -> None:
        use_monotonic_time(self.reactor)
        clock = CoarseClock(self.reactor, lambda: self.reactor.now)
        self.assertEqual(clock.date, b"Date: Fri, 15 Jan 2027 08:00:00 GMT\r\n")
