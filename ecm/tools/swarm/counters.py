"""Counters and latencies of a worker between two reports. Pure."""

from collections import Counter
from typing import Any

from ecm.tools.swarm import percentiles
from ecm.tools.swarm.percentiles import Table


class Counters:
    """``counts`` has users by outcome (logins, left, lost, given up), and requests and polls."""

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
        """Return all counters, and reset them."""
        told = {
            "counts": dict(self.counts),
            "errors": dict(self.errors),
            "latencies": self.latencies,
        }
        self._clear()
        return told
