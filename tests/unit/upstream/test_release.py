"""The release of held requests: all of them, in their order, some at a time."""

from typing import Any, cast

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.limits import (
    RELEASE_BATCH,
    RELEASE_PAUSE,
    RELEASE_STEP,
    RELEASE_TIME,
    STREAM_RELEASE_SHARE,
)
from ecm.upstream.release import Release
from testkit.pending import NotedExchange, NotedStream

SECONDS = 12.5


@attrs.define(eq=False)
class FakeLink:
    """A link with these exchanges in flight, and these streams."""

    table: list[NotedExchange]
    streams: list[NotedStream] = attrs.Factory(list)


@attrs.define
class FakePool:
    """Links, as a pool has them."""

    links: list[FakeLink]


class FailingExchange(NotedExchange):
    def release(self) -> None:
        raise ZeroDivisionError


class ReleaseTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.link, self.other = FakeLink([]), FakeLink([])
        self.release = Release(cast(Any, FakePool([self.link, self.other])), self.clock, SECONDS)
        self.addCleanup(self.release.stop)

    def ask(self, number: int) -> list[NotedExchange]:
        """Let so many requests be in flight on the first link."""
        first = len(self.link.table)
        asked = [NotedExchange(first + each) for each in range(number)]
        self.link.table += asked
        return asked

    def released(self, asked: list[NotedExchange]) -> list[int]:
        return [each.released for each in asked]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([RELEASE_STEP] * round(seconds / RELEASE_STEP))

    def test_a_batch_is_released_at_once_and_the_next_ones_after_it(self) -> None:
        asked = self.ask(RELEASE_BATCH + 2)
        self.release.start()
        self.assertEqual(self.released(asked), [1] * RELEASE_BATCH + [0, 0])
        self.pass_time(RELEASE_STEP)
        self.assertEqual(self.released(asked), [1] * (RELEASE_BATCH + 2))

    def test_those_of_all_links_are_released(self) -> None:
        self.other.table.append(NotedExchange(99))
        self.release.start()
        self.assertEqual(self.released(self.other.table), [1])

    def test_streams_are_released_too_and_once(self) -> None:
        self.other.streams.append(NotedStream(99))
        self.release.start()
        self.pass_time(3 * RELEASE_PAUSE)
        self.assertEqual([each.released for each in self.other.streams], [1])

    def test_streams_take_longer_and_keep_nobody_else(self) -> None:
        self.link.streams += [NotedStream(1000 + each) for each in range(20_000)]
        asked = self.ask(20_000)
        self.release.start()
        self.pass_time(RELEASE_TIME)
        self.assertEqual(sum(self.released(asked)), 20_000)
        time = STREAM_RELEASE_SHARE * SECONDS
        self.pass_time(time / 2 - RELEASE_TIME)
        released = sum(each.released for each in self.link.streams)
        self.assertTrue(9_000 < released < 11_000)
        self.pass_time(time / 2)
        self.assertEqual([each.released for each in self.link.streams], [1] * 20_000)

    def test_very_many_take_no_longer_than_the_time_for_all(self) -> None:
        asked = self.ask(20_000)
        self.release.start()
        self.pass_time(RELEASE_TIME / 2)
        self.assertTrue(9_000 < sum(self.released(asked)) < 11_000)
        self.pass_time(RELEASE_TIME / 2)
        self.assertEqual(sum(self.released(asked)), 20_000)

    def test_one_that_fails_is_logged_and_keeps_no_other(self) -> None:
        asked = self.ask(RELEASE_BATCH)
        self.link.table[1:1] = [FailingExchange(1000), FailingExchange(1001)]
        self.release.start()
        self.pass_time(3 * RELEASE_STEP)
        self.assertEqual(self.released(asked), [1] * RELEASE_BATCH)
        [failure] = self.flushLoggedErrors(ZeroDivisionError)
        self.assertIsInstance(failure.value, ZeroDivisionError)

    def test_those_that_come_later_are_released_after_a_pause_and_each_once(self) -> None:
        first = self.ask(1)
        self.release.start()
        later = self.ask(1)
        self.pass_time(RELEASE_PAUSE / 2)
        self.assertEqual(self.released(later), [0])
        self.pass_time(RELEASE_PAUSE)
        self.assertEqual(self.released(first + later), [1, 1])
        self.pass_time(10 * RELEASE_PAUSE)
        self.assertEqual(self.released(first + later), [1, 1])
