"""The coarse clock: one tick a second for everything that has a deadline."""

from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.net.clock import CoarseClock


class CoarseClockTests(TestCase):
    def setUp(self) -> None:
        self.reactor = Clock()
        self.clock = CoarseClock(self.reactor, lambda: 784_111_777 + self.reactor.seconds())
        self.ticks: list[float] = []
        self.clock.listen(self.ticks.append)
        self.clock.start()

    def test_listeners_are_told_the_time_once_a_second(self) -> None:
        self.reactor.pump([0.5] * 5)
        self.assertEqual(self.ticks, [1, 2])
        self.clock.stop()
        self.reactor.pump([1] * 3)
        self.assertEqual(self.ticks, [1, 2])

    def test_between_two_ticks_the_time_is_that_of_the_last_one(self) -> None:
        self.reactor.pump([1, 0.75])
        self.assertEqual((self.clock.now, self.clock.seconds()), (1, 1.75))

    def test_it_tells_how_late_a_tick_came(self) -> None:
        lags = []
        for seconds in (1, 1.25, 0.75, 3.5, 0.5, 1):
            self.reactor.advance(seconds)
            lags.append(self.clock.lag)
        self.assertEqual(lags, [0, 0.25, 0, 2.5, 0, 0])

    def test_the_date_is_a_header_line(self) -> None:
        self.assertEqual(self.clock.date, b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n")
        self.reactor.advance(1)
        self.assertEqual(self.clock.date, b"Date: Sun, 06 Nov 1994 08:49:38 GMT\r\n")
