"""What a worker counts between two reports. Pure."""

from collections import Counter
from typing import Any

from ecm.tools.swarm import percentiles
from ecm.tools.swarm.percentiles import Table


class Tally:
    """``counts`` has users by what became of them (logins, left, lost, given up), and what they
    have sent (requests, polls)."""

    __slots__ = ("counts", "errors", "latencies")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latencies: dict[str, Table] = {"login": {}, "poll": {}, "message": {}}

    def took(self, what: str, seconds: float) -> None:
        percentiles.count(self.latencies[what], seconds)

    def taken(self) -> dict[str, Any]:
        """Return all that was counted, and begin again at nothing."""
        told = {
            "counts": dict(self.counts),
            "errors": dict(self.errors),
            "latencies": self.latencies,
        }
        self._clear()
        return told
