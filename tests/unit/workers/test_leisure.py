"""The policy that has new connections go to one worker while it has little to do."""

from random import Random

import attrs
from twisted.trial.unittest import TestCase

from ecm.limits import BURST, BUSY, CALM, FEW_CONNECTIONS, FEW_PART, LEAST_WINDOW
from ecm.workers.balancer import Balancer
from ecm.workers.leisure import Leisure

CAPACITY = 20_000


class LeisureTests(TestCase):
    def setUp(self) -> None:
        self.leisure = Leisure(100.0)
        self.now, self.cpu = 100.0, 0.0

    def works(self, part: float, seconds: float = 1.0) -> bool:
        """Let it have a part of a core for a time, and tell so. Return whether it suffices."""
        self.now += seconds
        self.cpu += part * seconds
        self.leisure.told(self.cpu, self.now)
        return self.suffices()

    def suffices(self, load: int = 0, capacity: int = CAPACITY) -> bool:
        return self.leisure.suffices(load, capacity)

    def test_one_that_has_just_started_suffices(self) -> None:
        self.assertTrue(self.suffices())

    def test_one_that_is_busy_does_not_until_it_is_calm(self) -> None:
        between = (BUSY + CALM) / 2
        course = ((0.0, True), (between, True), (BUSY, False), (between, False), (CALM, True))
        for part, expected in course:
            self.assertIs(self.works(part + (0.001 if part == BUSY else -0.001)), expected, part)

    def test_it_gets_so_many_before_it_is_known_what_they_cost(self) -> None:
        for _ in range(BURST - 1):
            self.leisure.given()
        self.assertTrue(self.suffices())
        self.leisure.given()
        self.assertFalse(self.suffices())
        self.assertTrue(self.works(0.1))

    def test_what_it_tells_too_soon_says_nothing(self) -> None:
        for _ in range(BURST):
            self.leisure.given()
        self.assertFalse(self.works(0.0, LEAST_WINDOW / 2))
        self.assertTrue(self.works(0.0, LEAST_WINDOW * 0.6))

    def test_a_moment_of_work_is_seen_over_all_of_the_window(self) -> None:
        self.assertTrue(self.works(1.0, LEAST_WINDOW * 0.9))
        self.assertTrue(self.works(0.0, LEAST_WINDOW))
        self.assertFalse(self.works(1.0, LEAST_WINDOW * 1.1))

    def test_with_many_connections_it_does_not_however_little_it_does(self) -> None:
        self.assertTrue(self.suffices(FEW_CONNECTIONS - 1))
        self.assertFalse(self.suffices(FEW_CONNECTIONS))

    def test_nor_with_a_part_of_those_that_it_may_have(self) -> None:
        part = round(100 * FEW_PART)
        self.assertTrue(self.suffices(part - 1, 100))
        self.assertFalse(self.suffices(part, 100))


@attrs.define(eq=False)
class SimulatedWorker:
    """It takes CPU for each connection: ``cost`` at its beginning, ``rate`` a second."""

    cost: float
    rate: float = 0.0
    capacity: int = CAPACITY
    load: int = 0
    idle: int = 0
    cpu: float = 0.0
    told_at: float = 0.0
    leisure: Leisure = attrs.field(factory=lambda: Leisure(0.0))

    @property
    def suffices(self) -> bool:
        return self.leisure.suffices(self.load, self.capacity)

    def assign(self, listener: int, family: int, connection: int) -> bool:
        self.leisure.given()
        self.load += 1
        self.cpu += self.cost
        return True

    def passes(self, seconds: float, now: float, to: Balancer) -> None:
        """Some time passes; it tells its CPU as often as it may."""
        self.cpu += self.load * self.rate * seconds
        if now - self.told_at >= LEAST_WINDOW:
            self.told_at = now
            self.leisure.told(self.cpu, now)
            to.told(self)


def course(workers: list[SimulatedWorker], each_second: int, seconds: float) -> list[int]:
    """Let connections come evenly; return how many each worker has in the end."""
    balancer = Balancer(Random(7))
    for worker in workers:
        balancer.told(worker)
    step = 1 / each_second
    for number in range(1, round(each_second * seconds) + 1):
        balancer.assign(0, 2, 99)
        for worker in workers:
            worker.passes(step, number * step, balancer)
    return [worker.load for worker in workers]


class CourseTests(TestCase):
    """Connections that come, workers that tell what these cost, and who gets the next ones."""

    def test_when_few_come_one_has_all(self) -> None:
        workers = [SimulatedWorker(cost=0.0005, rate=0.0001) for _ in range(8)]
        self.assertEqual(course(workers, 100, 10), [1000, 0, 0, 0, 0, 0, 0, 0])

    def test_one_that_becomes_busy_has_no_more_and_the_next_one_gets_them(self) -> None:
        workers = [SimulatedWorker(cost=0.0, rate=0.002) for _ in range(4)]
        first, second, third, last = course(workers, 100, 4)
        self.assertTrue(245 <= first <= 260, first)  # half of a core
        self.assertEqual((second, third, last), (400 - first, 0, 0))

    def test_while_all_are_busy_each_gets_its_part(self) -> None:
        workers = [SimulatedWorker(cost=0.002) for _ in range(4)]
        found = course(workers, 4000, 1)
        self.assertLessEqual(max(found) - min(found), 4 * BURST)

    def test_a_burst_goes_to_all(self) -> None:
        workers = [SimulatedWorker(cost=0.001) for _ in range(4)]
        found = course(workers, 100_000, 0.04)
        self.assertLessEqual(max(found) - min(found), 4 * BURST)

    def test_of_very_many_who_rest_each_has_as_many(self) -> None:
        workers = [SimulatedWorker(cost=0.0002) for _ in range(5)]
        found = course(workers, 600, 100)
        self.assertLessEqual(max(found) - min(found), 4 * BURST)
