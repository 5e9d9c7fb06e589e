"""Connections that were shed, because all together held too much: counted, and said in the log."""

from twisted.logger import Logger

from ecm.frontend.budget import MemoryBudget
from ecm.limits import FAULT_INTERVAL

_log = Logger()


class ShedLog:
    """Says the first at once, and all others by the minute. ``maximum`` is in bytes."""

    def __init__(self, budget: MemoryBudget, maximum: int) -> None:
        self._budget = budget
        self._maximum = maximum
        self._number = 0
        self._due = 0.0

    def tick(self, now: float) -> int:
        """Return how many were shed since the last tick."""
        shed, self._budget.shed_count = self._budget.shed_count, 0
        self._number += shed
        if self._number and now >= self._due:
            _log.warn(
                "clients held more than {maximum} bytes: {number} connections shed",
                maximum=self._maximum,
                number=self._number,
            )
            self._number, self._due = 0, now + FAULT_INTERVAL
        return shed
