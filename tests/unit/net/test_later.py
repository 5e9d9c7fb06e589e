"""Work that goes on in later turns."""

from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ecm.limits import LATER_AT_ONCE
from ecm.net.later import Later


class Reactor:
    """Knows what is to be called in the next turn."""

    def __init__(self) -> None:
        self.next: list[Callable[[], None]] = []

    def callLater(self, delay: float, act: Callable[[], None]) -> None:
        assert delay == 0
        self.next.append(act)

    def turn(self) -> None:
        acts, self.next = self.next, []
        for act in acts:
            act()


class LaterTests(SynchronousTestCase):
    def setUp(self) -> None:
        reactor: Any = Reactor()
        self.reactor: Reactor = reactor
        self.later = Later(reactor)
        self.done: list[int] = []

    def add(self, number: int) -> None:
        self.later.add(lambda: self.done.append(number), self.fail)

    def turns(self) -> list[int]:
        """Return how much was done in each turn until nothing is left."""
        found = []
        while self.reactor.next:
            self.assertEqual(len(self.reactor.next), 1)
            before = len(self.done)
            self.reactor.turn()
            found.append(len(self.done) - before)
        return found

    def test_a_few_are_done_in_each_turn_in_their_order(self) -> None:
        for number in range(2 * LATER_AT_ONCE + 1):
            self.add(number)
        self.assertEqual(self.done, [])
        self.assertEqual(self.turns(), [LATER_AT_ONCE, LATER_AT_ONCE, 1])
        self.assertEqual(self.done, [*range(2 * LATER_AT_ONCE + 1)])

    def test_what_goes_on_again_comes_behind_all_others(self) -> None:
        self.later.add(lambda: self.add(99), self.fail)
        for number in range(LATER_AT_ONCE):
            self.add(number)
        self.assertEqual(self.turns(), [LATER_AT_ONCE - 1, 2])
        self.assertEqual(self.done[-2:], [LATER_AT_ONCE - 1, 99])
        self.add(2)
        self.assertEqual(self.turns(), [1])

    def test_what_waits_already_is_done_once(self) -> None:
        for _ in range(2):
            self.later.add(self.done.clear, self.fail)
            self.assertIn(self.done.clear, self.later)
        self.assertEqual(self.turns(), [0])
        self.assertNotIn(self.done.clear, self.later)

    def test_an_error_ends_its_connection_and_leaves_what_is_behind_it(self) -> None:
        self.later.add(lambda: 1 // 0, lambda: self.done.append(0))
        self.add(1)
        self.turns()
        self.assertEqual(self.done, [0, 1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
