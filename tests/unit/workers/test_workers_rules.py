"""What workers go by, in memory: who gets a connection, when one is replaced."""

from random import Random

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.limits import MIN_UPTIME, RESPAWN_DELAY_MAX
from ecm.workers.backoff import Backoff
from ecm.workers.balancer import Pool


@attrs.define
class Taker:
    capacity: int = 20_000
    load: int = 0
    takes: bool = True
    idle: int = 0

    def give(self, door: int, family: int, connection: int) -> bool:
        self.load += self.takes
        return self.takes


def pool(*takers: Taker) -> Pool:
    made = Pool(Random(7))
    made.takers.extend(takers)
    return made


def give(to: Pool, times: int) -> int:
    """Give so many connections; return how many were taken."""
    return sum(to.give(0, 2, 99) for _ in range(times))


class PoolTests(TestCase):
    def test_many_workers_get_nearly_the_same(self) -> None:
        takers = [Taker() for _ in range(55)]
        give(pool(*takers), 55 * 1000)
        self.assertTrue(all(990 <= taker.load <= 1010 for taker in takers))

    def test_a_new_one_catches_up_without_a_flood(self) -> None:
        old, new = [Taker(load=1000) for _ in range(9)], Taker()
        give(pool(*old, new), 1000)
        self.assertTrue(150 <= new.load <= 250, new.load)

    def test_none_is_given_more_than_fits_while_another_has_room(self) -> None:
        takers = [Taker(capacity=100, load=each * 10) for each in range(10)]
        room = sum(taker.capacity - taker.load for taker in takers)
        self.assertEqual(give(pool(*takers), room), room)
        self.assertEqual({taker.load for taker in takers}, {100})

    def test_when_all_are_full_one_gets_it_and_says_so(self) -> None:
        full = [Taker(capacity=1, load=1), Taker(capacity=1, load=1)]
        self.assertEqual(give(pool(*full), 3), 3)

    def test_when_all_are_full_it_is_one_in_which_another_makes_way(self) -> None:
        takers = [Taker(capacity=1, load=1), Taker(capacity=10, load=11, idle=3), Taker(1, 1)]
        self.assertEqual(give(pool(*takers), 5), 5)
        self.assertEqual([taker.load for taker in takers], [1, 16, 1])

    def test_none_has_to_make_way_while_another_worker_has_room(self) -> None:
        takers = [Taker(capacity=1, load=1, idle=1), Taker(capacity=9, load=3)]
        self.assertEqual(give(pool(*takers), 6), 6)
        self.assertEqual([taker.load for taker in takers], [1, 9])

    def test_one_that_takes_nothing_at_the_moment_is_passed_over(self) -> None:
        stuck, well = Taker(takes=False), Taker()
        self.assertEqual(give(pool(stuck, well), 10), 10)
        self.assertEqual((stuck.load, well.load), (0, 10))

    def test_without_workers_nobody_takes_it(self) -> None:
        self.assertEqual(give(pool(), 1), 0)
        self.assertEqual(give(pool(Taker(takes=False)), 1), 0)


class BackoffTests(TestCase):
    def pauses(self, *ran: float) -> list[float]:
        clock, backoff, pauses = Clock(), Backoff(), []
        for seconds in ran:
            started_at = clock.seconds()
            clock.advance(seconds)
            pauses.append(backoff.pause(clock.seconds() - started_at))
            clock.advance(pauses[-1])
        return pauses

    def test_one_that_dies_at_once_again_and_again_waits_longer_each_time(self) -> None:
        self.assertEqual(self.pauses(0, 0, 0, 0), [0, 0.5, 1, 2])
        self.assertEqual(self.pauses(*[0] * 20)[-1], RESPAWN_DELAY_MAX)

    def test_after_a_steady_one_there_is_no_pause(self) -> None:
        self.assertEqual(self.pauses(0, 0, MIN_UPTIME, MIN_UPTIME - 1), [0, 0.5, 0, 0.5])
