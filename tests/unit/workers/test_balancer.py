"""The load balancer: which worker gets a connection."""

from random import Random

import attrs
from twisted.trial.unittest import TestCase

from ecm.limits import BURST
from ecm.workers.balancer import Balancer


@attrs.define(eq=False)
class FakeWorker:
    capacity: int = 20_000
    load: int = 0
    takes: bool = True
    idle: int = 0
    suffices: bool = False

    def assign(self, listener: int, family: int, connection: int) -> bool:
        self.load += self.takes
        return self.takes


def balancer(*workers: FakeWorker) -> Balancer:
    made = Balancer(Random(7))
    for worker in workers:
        made.told(worker)
    return made


def assign(to: Balancer, times: int) -> int:
    """Assign so many connections; return how many were taken."""
    return sum(to.assign(0, 2, 99) for _ in range(times))


class BalancerTests(TestCase):
    def test_many_workers_get_nearly_the_same(self) -> None:
        workers = [FakeWorker() for _ in range(55)]
        assign(balancer(*workers), 55 * 1000)
        loads = [worker.load for worker in workers]
        self.assertLessEqual(max(loads) - min(loads), 4 * BURST)

    def test_those_who_come_together_are_with_one_worker(self) -> None:
        workers = [FakeWorker() for _ in range(55)]
        assign(balancer(*workers), BURST)
        self.assertEqual(sorted(worker.load for worker in workers)[-2:], [0, BURST])

    def test_the_next_ones_are_with_a_worker_that_has_fewer(self) -> None:
        workers = [FakeWorker(), FakeWorker()]
        assign(balancer(*workers), 2 * BURST)
        self.assertEqual([worker.load for worker in workers], [BURST, BURST])

    def test_workers_that_may_have_few_get_one_at_a_time(self) -> None:
        workers = [FakeWorker(capacity=100), FakeWorker(capacity=100)]
        assign(balancer(*workers), 2)
        self.assertEqual([worker.load for worker in workers], [1, 1])

    def test_a_burst_ends_with_its_worker(self) -> None:
        gone, other = FakeWorker(), FakeWorker(load=1)
        under_test = balancer(gone)
        assign(under_test, 1)
        under_test.remove(gone)
        under_test.told(other)
        assign(under_test, 1)
        self.assertEqual((gone.load, other.load), (1, 2))

    def test_a_new_one_catches_up_without_a_flood(self) -> None:
        old, new = [FakeWorker(load=1000) for _ in range(9)], FakeWorker()
        assign(balancer(*old, new), 1000)
        self.assertTrue(150 <= new.load <= 250, new.load)

    def test_none_is_given_more_than_fits_while_another_has_room(self) -> None:
        workers = [FakeWorker(capacity=100, load=each * 10) for each in range(10)]
        room = sum(worker.capacity - worker.load for worker in workers)
        self.assertEqual(assign(balancer(*workers), room), room)
        self.assertEqual({worker.load for worker in workers}, {100})

    def test_when_all_are_full_one_gets_it_and_says_so(self) -> None:
        full = [FakeWorker(capacity=1, load=1), FakeWorker(capacity=1, load=1)]
        self.assertEqual(assign(balancer(*full), 3), 3)

    def test_when_all_are_full_it_is_one_in_which_another_makes_way(self) -> None:
        workers = [
            FakeWorker(capacity=1, load=1),
            FakeWorker(capacity=10, load=11, idle=3),
            FakeWorker(1, 1),
        ]
        self.assertEqual(assign(balancer(*workers), 5), 5)
        self.assertEqual([worker.load for worker in workers], [1, 16, 1])

    def test_none_has_to_make_way_while_another_worker_has_room(self) -> None:
        workers = [FakeWorker(capacity=1, load=1, idle=1), FakeWorker(capacity=9, load=3)]
        self.assertEqual(assign(balancer(*workers), 6), 6)
        self.assertEqual([worker.load for worker in workers], [1, 9])

    def test_one_that_takes_nothing_at_the_moment_is_passed_over(self) -> None:
        stuck, well = FakeWorker(takes=False), FakeWorker()
        self.assertEqual(assign(balancer(stuck, well), 10), 10)
        self.assertEqual((stuck.load, well.load), (0, 10))

    def test_without_workers_nobody_takes_it(self) -> None:
        self.assertEqual(assign(balancer(), 1), 0)
        self.assertEqual(assign(balancer(FakeWorker(takes=False)), 1), 0)

    def test_one_that_suffices_gets_all_whatever_others_have(self) -> None:
        free, busy = FakeWorker(load=100, suffices=True), FakeWorker()
        self.assertEqual(assign(balancer(busy, free), 50), 50)
        self.assertEqual((free.load, busy.load), (150, 0))

    def test_of_several_that_suffice_it_is_the_one_that_has_the_most(self) -> None:
        workers = [FakeWorker(load=each, suffices=True) for each in (0, 7, 3)]
        assign(balancer(*workers), 20)
        self.assertEqual([worker.load for worker in workers], [0, 27, 3])

    def test_of_those_that_have_none_it_is_the_first(self) -> None:
        workers = [FakeWorker(suffices=True) for _ in range(3)]
        assign(balancer(*workers), 20)
        self.assertEqual([worker.load for worker in workers], [20, 0, 0])

    def test_one_that_suffices_and_takes_nothing_at_the_moment_is_passed_over(self) -> None:
        stuck, well = FakeWorker(load=9, takes=False, suffices=True), FakeWorker()
        self.assertEqual(assign(balancer(stuck, well), 10), 10)
        self.assertEqual(well.load, 10)

    def test_one_that_suffices_no_more_is_followed_by_another_one(self) -> None:
        workers = [FakeWorker(load=each, suffices=True) for each in (2, 3, 1)]
        to = balancer(*workers)
        workers[1].suffices = False
        assign(to, 10)
        self.assertEqual([worker.load for worker in workers], [12, 3, 1])

    def test_one_that_suffices_again_says_so(self) -> None:
        busy, other = FakeWorker(load=9), FakeWorker(load=10)
        to = balancer(busy, other)
        busy.suffices = True
        to.told(busy)
        assign(to, 20)
        self.assertEqual((busy.load, other.load), (29, 10))

    def test_one_that_is_removed_gets_nothing(self) -> None:
        gone, other = FakeWorker(load=9, suffices=True), FakeWorker(suffices=True)
        full = FakeWorker()
        to = balancer(gone, other, full)
        to.remove(gone)
        to.remove(gone)
        assign(to, 20)
        self.assertEqual((gone.load, other.load, full.load), (9, 20, 0))
        to.remove(other)
        assign(to, 5)
        self.assertEqual((other.load, full.load), (20, 5))
