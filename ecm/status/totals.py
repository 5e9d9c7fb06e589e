"""The totals of all processes of an ECM, also of those that have ended. Pure."""

from collections import Counter
from typing import Final, Protocol

import attrs

from ecm.metrics import Metrics
from ecm.status.snapshot import Snapshot

# The ends of a worker: it has left by itself, was killed, or was to be replaced.
HOWS: Final = ("exit", "signal", "asked")


@attrs.frozen
class Totals:
    """``metrics`` are those of all processes that have had a number; ``restarts`` are by how."""

    metrics: dict[int, Metrics] = attrs.field(factory=dict)
    restarts: dict[str, int] = attrs.field(factory=dict)


class Reporting(Protocol):
    """A process that tells of itself, or has ended. ``number`` is that of the worker."""

    number: int

    @property
    def snapshot(self) -> Snapshot | None:
        """The last that it has told."""


class Ledger:
    """Adds up what processes have counted. A sum never becomes less when one of them ends."""

    def __init__(self) -> None:
        self.restarts: Counter[str] = Counter()
        self._running: dict[Reporting, None] = {}
        self._ended: dict[int, Metrics] = {}

    def began(self, process: Reporting) -> None:
        """A process has been ordered."""
        self._running[process] = None

    def ended(self, process: Reporting) -> None:
        """It has ended, and tells nothing any more."""
        self._running.pop(process, None)
        _add(self._ended, process)

    def restarted(self, how: str) -> None:
        """A worker has ended, as ``how`` says, and another one takes its place."""
        self.restarts["signal" if how.startswith("was killed") else "exit"] += 1

    def replaced(self) -> None:
        """A worker has left its place to another one, as it was asked to."""
        self.restarts["asked"] += 1

    def totals(self) -> Totals:
        """Return the sums at this moment."""
        sums: dict[int, Metrics] = {}
        for number, metrics in self._ended.items():
            sums[number] = Metrics()
            sums[number].add(metrics)
        for process in self._running:
            _add(sums, process)
        return Totals(sums, {**self.restarts})


def _add(sums: dict[int, Metrics], process: Reporting) -> None:
    if process.snapshot is not None:
        sums.setdefault(process.number, Metrics()).add(process.snapshot.metrics)
