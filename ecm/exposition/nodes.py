"""The numbers that mod_ecm tells of each node, as metrics. Pure."""

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from ecm.metrics import Family, Kind
from ecm.status.snapshot import Snapshot


@attrs.frozen
class NodeNumber:
    """Numbers whose names begin with ``first``, and have the values of further labels behind it."""

    first: str
    family: Family


def _counter(first: str, name: str, help: str, *labels: str) -> NodeNumber:
    return NodeNumber(first, Family(name, Kind.COUNTER, help, ("node", *labels)))


NUMBERS: Final = (
    NodeNumber(
        "sessions",
        Family(
            "ecm_sessions",
            Kind.GAUGE,
            "Sessions of a node, by state: held has a request or a stream, away has none.",
            ("node", "state"),
        ),
    ),
    _counter("created", "ecm_sessions_created_total", "Sessions that have begun.", "client"),
    _counter("ended", "ecm_sessions_ended_total", "Sessions that have ended.", "reason"),
    _counter(
        "errors",
        "ecm_bosh_errors_total",
        "Errors of BOSH, by cause and kind of client.",
        *("cause", "client"),
    ),
    _counter("logins", "ecm_logins_total", "Logins over ECMs.", "result"),
)


def told(snapshots: Iterable[Snapshot]) -> Iterator[tuple[Family, dict[tuple[str, ...], int]]]:
    """Yield each family with its numbers, by labels. A node tells all links to it the same."""
    nodes: dict[tuple[str, str], int] = {}
    for snapshot in snapshots:
        for node, numbers in snapshot.node_stats.items():
            for name, value in numbers.items():
                nodes[node, name] = max(value, nodes.get((node, name), 0))
    for number in NUMBERS:
        yield number.family, _of(number, nodes)


def _of(number: NodeNumber, nodes: dict[tuple[str, str], int]) -> dict[tuple[str, ...], int]:
    found = {}
    for (node, name), value in nodes.items():
        first, *labels = name.split(".")
        if first == number.first and len(labels) == len(number.family.labels) - 1:
            found[node, *labels] = value
    return found
