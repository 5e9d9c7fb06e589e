"""How many may begin now, for so many a second. Pure: time is an argument."""

import sys

# Seconds that are made up for. After a longer stop, what has not begun is not begun in a burst,
# which would measure the stop and not the server.
CATCHES_UP = 1.0


class Pacer:
    """``rate`` is a number a second; None for as many as one wants."""

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
        return int(due + 1e-6)  # or the third of 3 a second would be late by a rounding error

    def begin(self) -> None:
        """One has begun."""
        self._begun += 1
