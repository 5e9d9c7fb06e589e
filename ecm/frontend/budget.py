"""How much memory all connections of clients may take together, for what they hold. Pure.

Each of them has limits of its own, but thousands that each stay within these would still be too
many. Whoever holds nothing is not known here, and costs nothing.
"""

from collections.abc import Iterable
from typing import Protocol

from ecm.limits import LOW_WATER


class Holder(Protocol):
    """A connection that holds something: parts of requests, requests that wait, answers."""

    @property
    def held(self) -> int:
        """How many bytes."""

    def let_go(self) -> None:
        """Hold nothing any more, whatever becomes of it."""


class Budget:
    """Knows all that hold something. Beyond ``most`` bytes the largest and slowest let go.

    ``now`` is in seconds. ``let_go`` counts those that have had to since it was last set to 0.
    """

    def __init__(self, most: int, now: float) -> None:
        self.now = now
        self.let_go = 0
        self._most = most
        # What each held when it was last looked at, and since when it has held no less.
        self._holders: dict[Holder, tuple[int, float]] = {}
        self._total = 0
        self._is_busy = False
        # When all were last looked at.
        self._looked = -1.0

    def __len__(self) -> int:
        """How many hold something."""
        return len(self._holders)

    def look(self, holder: Holder) -> None:
        """Take note of what one holds now. Others may have to let go for it, or it itself."""
        self._count(holder)
        if self._total > self._most and not self._is_busy:
            self._is_busy = True  # who lets go is looked at, too
            try:
                self._make_room()
            finally:
                self._is_busy = False

    def forget(self, holder: Holder) -> None:
        """One has gone."""
        self._total -= self._holders.pop(holder, (0, 0))[0]

    def _count(self, holder: Holder) -> None:
        held = holder.held
        before, since = self._holders.get(holder, (0, self.now))
        self._total += held - before
        if held:
            self._holders[holder] = (held, since if held >= before else self.now)
        elif before:
            del self._holders[holder]

    def _make_room(self) -> None:
        """Go down to the low-water mark, so that this is not to be done for each packet."""
        if self._looked != self.now:
            self._looked = self.now
            for holder in tuple(self._holders):
                self._count(holder)  # a client may have taken much of its answer meanwhile
        if self._total > self._most:
            for holder in self._largest_and_slowest():
                if self._total <= self._most * LOW_WATER:
                    break
                self.let_go += 1
                holder.let_go()
                self.forget(holder)

    def _largest_and_slowest(self) -> Iterable[Holder]:
        """Those first that have taken up most: bytes, for as long as they have held them."""

        def taken(holder: Holder) -> float:
            held, since = self._holders[holder]
            return held * (self.now - since + 1)

        return sorted(self._holders, key=taken, reverse=True)
