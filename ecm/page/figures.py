"""The figures of an ECM, from what its processes tell: sums, and samples for the history. Pure."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Final

import attrs

from ecm.page.history import Rates, Sample
from ecm.status.snapshot import Certificate, LinkReport, Snapshot

# The numbers of a node that are sessions, by their state; in this one nobody has logged in yet.
_OF_SESSIONS: Final = "sessions."
_PENDING: Final = "pending"

# The status of the answer where ejabberd cannot be asked.
UNAVAILABLE: Final = "503"


@attrs.frozen
class Node:
    """A node of ejabberd, and the sessions that it has of ECMs, by state."""

    name: str
    sessions: dict[str, int]

    @property
    def online(self) -> int:
        """The number of its users who are online through ECMs."""
        return sum(number for state, number in self.sessions.items() if state != _PENDING)


def nodes_of(snapshots: Iterable[Snapshot]) -> list[Node]:
    """Return the nodes that have told their numbers; each tells them to all of our processes.

    Those count that the first of the processes has.
    """
    told: dict[str, dict[str, int]] = {}
    for snapshot in snapshots:
        told = snapshot.node_stats | told
    return [Node(name, _sessions(numbers)) for name, numbers in sorted(told.items())]


def _sessions(numbers: dict[str, int]) -> dict[str, int]:
    return {
        name.removeprefix(_OF_SESSIONS): value
        for name, value in numbers.items()
        if name.startswith(_OF_SESSIONS)
    }


def links_of(snapshots: Iterable[Snapshot]) -> list[tuple[int, LinkReport]]:
    """Return all links, each with the number of its process."""
    return [(snapshot.number, link) for snapshot in snapshots for link in snapshot.links]


def round_trips(snapshots: Iterable[Snapshot]) -> tuple[float | None, float | None]:
    """Return the median of the last round trips of all links that are up, and the longest."""
    known = [link.round_trip for _, link in links_of(snapshots) if link.up and link.round_trip]
    return (median(known), max(known)) if known else (None, None)


def certificates_of(snapshots: Iterable[Snapshot]) -> list[tuple[str, Certificate]]:
    """Return each certificate with its endpoint; all processes should have the same."""
    found = {
        (door.endpoint, certificate): None
        for snapshot in snapshots
        for door in snapshot.doors
        for certificate in door.certificates
    }
    return [*found]


class Sampler:
    """Makes samples of what the processes have told; rates are those since the last one."""

    def __init__(self) -> None:
        self._rates = Rates()

    def sample(self, snapshots: Sequence[Snapshot], now: float) -> Sample:
        """Return the figures at this time; ``now`` are seconds of any clock."""
        counts = {(each.number, each.pid): counted(each) for each in snapshots}
        rates = self._rates.of(counts, now) or [None, None]
        typical, slowest = round_trips(snapshots)
        nodes = nodes_of(snapshots)
        return Sample(
            online=sum(node.online for node in nodes) if nodes else None,
            connections=sum(each.connections.open for each in snapshots) if snapshots else None,
            held=sum(each.held for each in snapshots) if snapshots else None,
            requests=rates[0],
            unavailable=rates[1],
            round_trip=typical,
            slow_round_trip=slowest,
        )


def counted(snapshot: Snapshot) -> tuple[int, int]:
    """Return how many requests a process has taken, and how often it has answered 503."""
    metrics = snapshot.metrics
    return sum(metrics.methods.values()), metrics.responses.get(UNAVAILABLE, 0)
