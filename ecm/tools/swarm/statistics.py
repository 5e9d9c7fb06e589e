"""The reports of the workers, added up: a sample a second, and totals. Pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from ecm.tools.swarm import percentiles
from ecm.tools.swarm.counters import WHAT
from ecm.tools.swarm.messages import Report
from ecm.tools.swarm.percentiles import Table

PERCENTS = (50, 90, 99)

Sample = dict[str, Any]


class Sums:
    """Counters of many reports."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.latencies: dict[str, Table] = {what: {} for what in WHAT}

    def add(self, report: Report) -> None:
        self.counts.update(report["counts"])
        self.errors.update(report["errors"])
        for what, table in report["latencies"].items():
            # JSON has strings for keys.
            more = {int(bucket): times for bucket, times in table.items()}
            percentiles.add(self.latencies[what], more)

    def milliseconds(self) -> dict[str, dict[str, float | None]]:
        """Return p50, p90, p99 and the longest of each kind; None if there was none."""
        return {what: _milliseconds(table) for what, table in self.latencies.items()}


def _milliseconds(table: Table) -> dict[str, float | None]:
    found = {f"p{percent}": percentiles.percentile(table, percent) for percent in PERCENTS}
    found["max"] = percentiles.percentile(table, 100)
    return {
        name: None if value is None else round(value * 1000, 2) for name, value in found.items()
    }


class Statistics:
    """``series`` has a sample for each second, ``all`` the sums of the whole run."""

    def __init__(self) -> None:
        self.all = Sums()
        self.series: list[Sample] = []
        self._since = Sums()
        self._then = 0.0

    def add(self, report: Report) -> None:
        """Add a worker's counters since its last report."""
        self.all.add(report)
        self._since.add(report)

    def fail(self, kind: str) -> None:
        """Count an error that no worker reports."""
        self.all.errors[kind] += 1
        self._since.errors[kind] += 1

    def sample(self, now: float, phase: str, reports: Iterable[Report]) -> Sample:
        """Return, and keep, a sample of the time since the one before.

        ``now`` is seconds since the beginning, ``reports`` are the latest of all workers.
        """
        since, self._since = self._since, Sums()
        seconds, self._then = now - self._then, now
        online, logging_in = _sums(reports, "online", "logging in")
        made = {
            "time": round(now, 2),
            "phase": phase,
            "online": online,
            "logging in": logging_in,
            "requests/s": round(since.counts["requests"] / seconds, 1) if seconds > 0 else 0.0,
            "logins": since.counts["logins"],
            "left": since.counts["left"],
            "polls": since.counts["polls"],
            "errors": dict(since.errors),
            "milliseconds": since.milliseconds(),
        }
        self.series.append(made)
        return made


def _sums(reports: Iterable[Report], *names: str) -> list[int]:
    kept = list(reports)
    return [sum(report[name] for report in kept) for name in names]


def deliveries(reports: Iterable[Report]) -> dict[str, int]:
    """Return the counters of messages."""
    names = ("sent", "arrived", "twice", "astray", "late", "missing")
    return dict(zip(names, _sums(reports, *names), strict=True))
