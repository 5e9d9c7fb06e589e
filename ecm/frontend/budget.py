"""The memory that all connections of clients may take together for what they hold. Pure.

Each of them has limits of its own, but thousands that each stay within these would still be too
many. A connection that holds nothing is not known here, and costs nothing.
"""

from collections.abc import Iterable
from typing import Protocol

from ecm.limits import LOW_WATER


class Holder(Protocol):
    """A connection that may hold parts of requests, requests that wait, and responses."""

    @property
    def held(self) -> int:
        """The bytes that it holds."""

    def shed(self) -> None:
        """Let go of all that is held, whatever becomes of it."""


class MemoryBudget:
    """The holders, and their sum. Above the high-water mark the largest and slowest shed.

    ``now`` is in seconds, ``total`` the sum in bytes. ``shed_count`` is the number of those that
    have, since it was last set to 0.
    """

    def __init__(self, high_water: int, now: float) -> None:
        self.now = now
        self.shed_count = 0
        self._high_water = high_water
        # The bytes of each at its last update, and since when it has held no less.
        self._holders: dict[Holder, tuple[int, float]] = {}
        self.total = 0
        self._is_shedding = False
        # When all were last updated.
        self._updated_at = -1.0

    def __len__(self) -> int:
        """The number of connections that hold something."""
        return len(self._holders)

    def update(self, holder: Holder) -> None:
        """Count what one holds now. Others may have to shed for it, or it itself."""
        self._count(holder)
        if self.total > self._high_water and not self._is_shedding:
            self._is_shedding = True  # a holder that sheds is updated, too
            try:
                self._make_room()
            finally:
                self._is_shedding = False

    def remove(self, holder: Holder) -> None:
        """A connection has closed."""
        self.total -= self._holders.pop(holder, (0, 0))[0]

    def _count(self, holder: Holder) -> None:
        held = holder.held
        before, since = self._holders.get(holder, (0, self.now))
        self.total += held - before
        if held:
            self._holders[holder] = (held, since if held >= before else self.now)
        elif before:
            del self._holders[holder]

    def _make_room(self) -> None:
        """Go down to the low-water mark, so that this does not run for each packet."""
        if self._updated_at != self.now:
            self._updated_at = self.now
            for holder in tuple(self._holders):
                self._count(holder)  # a client may have read much of its response meanwhile
        if self.total > self._high_water:
            for holder in self._largest_and_slowest():
                if self.total <= self._high_water * LOW_WATER:
                    break
                self.shed_count += 1
                holder.shed()
                self.remove(holder)

    def _largest_and_slowest(self) -> Iterable[Holder]:
        """Return the holders in the order of bytes times the seconds for which they held them."""

        def cost(holder: Holder) -> float:
            held, since = self._holders[holder]
            return held * (self.now - since + 1)

        return sorted(self._holders, key=cost, reverse=True)
