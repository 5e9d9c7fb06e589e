"""Sockets that are read in turns, without sockets."""

from collections.abc import Callable
from typing import Any

from ecm.net.later import Later
from ecm.net.sockets import Unbatched


class Turns(Unbatched):
    """Sockets in turns, of which the test has the next one begin."""

    def __init__(self) -> None:
        reactor: Any = self
        self.later = Later(reactor)
        self._next: list[Callable[[], object]] = []

    def callLater(self, delay: float, act: Callable[[], object]) -> None:
        self._next.append(act)

    def go_on_later(self, act: Callable[[], object], failed: Callable[[], object]) -> None:
        self.later.add(act, failed)

    def is_for_later(self, act: Callable[[], object]) -> bool:
        return act in self.later

    def turn(self) -> None:
        acts, self._next = self._next, []
        for act in acts:
            act()
