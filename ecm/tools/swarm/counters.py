"""Counters and latencies of a worker between two reports. Pure."""

from collections import Counter
from typing import Any

from ecm.tools.swarm import percentiles
from ecm.tools.swarm.percentiles import Table

WHAT = ("login", "poll", "message", "message in the storm", "message to those back", "return")


class Counters:
    """``counts`` has users by outcome (logins, left, lost, given up), and requests and polls.

    The kinds of latency are in WHAT. In a storm, messages to those who were online before it count
    apart from those to who has come back; ``return`` is the time from its beginning to a login.
    """

    __slots__ = ("counts", "errors", "latencies")

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latencies: dict[str, Table] = {what: {} for what in WHAT}

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
