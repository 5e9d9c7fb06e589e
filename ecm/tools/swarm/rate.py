"""A rate limiter: how many operations may begin now. Pure: time is an argument."""

import sys
from math import inf

# Seconds of delay that are caught up. After a longer stall the backlog is dropped: a burst would
# measure the stall and not the server.
CATCHES_UP = 1.0


class Rate:
    """``rate`` is a number a second; None is no limit."""

    __slots__ = ("_rate", "_since", "_begun")

    def __init__(self, rate: float | None, now: float) -> None:
        self._rate = rate
        self._since = now
        self._begun = 0

    def due(self, now: float) -> int:
        """Return how many may begin."""
        if self._rate is None:
            return sys.maxsize
        due = (now - self._since) * self._rate - self._begun
        late = due - max(1.0, self._rate * CATCHES_UP)
        if late > 0:
            self._since += late / self._rate
            due -= late
        return int(due + 1e-6)  # so that a rounding error delays nothing

    def wait(self, now: float) -> float:
        """Return the seconds until one more is due. Infinite if none will be, or if one is due
        already: then something else holds it up."""
        if not self._rate:
            return inf
        left = (self._begun + 1) / self._rate - (now - self._since)
        return left if left > 0 else inf

    def begin(self) -> None:
        """Count one that begins."""
        self._begun += 1
