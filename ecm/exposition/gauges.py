"""The gauges of an ECM: values of this moment, from the snapshots of its processes. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

import attrs

from ecm.metrics import Family, Kind
from ecm.status.snapshot import Snapshot

# The value of the label, or nothing where there is none, and the value itself.
Value = tuple[tuple[str, ...], float]


@attrs.frozen
class Gauge:
    """A gauge of each process; ``over`` makes one of those of all."""

    family: Family
    of: Callable[[Snapshot], Iterable[Value]]
    over: Callable[[Iterable[float]], float] = sum


def _one(read: Callable[[Snapshot], float]) -> Callable[[Snapshot], Iterable[Value]]:
    return lambda snapshot: [((), read(snapshot))]


def _by(
    read: Callable[[Snapshot], dict[str, int]], values: tuple[str, ...]
) -> Callable[..., Iterable[Value]]:
    def read_all(snapshot: Snapshot) -> Iterator[Value]:
        found = read(snapshot)
        return (((value,), found.get(value, 0)) for value in values)

    return read_all


def _gauge(
    name: str,
    help: str,
    read: Callable[[Snapshot], float],
    over: Callable[[Iterable[float]], float] = sum,
) -> Gauge:
    return Gauge(Family(name, Kind.GAUGE, help), _one(read), over)


def _gauges(
    name: str,
    help: str,
    label: str,
    values: tuple[str, ...],
    read: Callable[[Snapshot], dict[str, int]],
) -> Gauge:
    return Gauge(Family(name, Kind.GAUGE, help, (label,), values), _by(read, values))


def _links_up(snapshot: Snapshot) -> Iterator[Value]:
    for protocol in ("typed", "plain"):
        yield (protocol,), sum(each.is_up_as(protocol) for each in snapshot.links)


def _certificates(snapshot: Snapshot) -> Iterator[Value]:
    for door in snapshot.doors:
        for certificate in door.certificates:
            yield (certificate.name,), certificate.not_after


_TRANSPORTS: Final = ("http", "websocket", "tcp")
_STATES: Final = (
    *("idle", "head", "body", "held", "sending", "closing", "handshake", "half_closed"),
)

GAUGES: Final = (
    _gauge(
        "ecm_connections", "Connections of clients that are open.", lambda of: of.connections.open
    ),
    _gauge(
        "ecm_connections_limit",
        "Connections that there may be; 0 is no limit.",
        lambda of: of.connections.limit,
    ),
    _gauges(
        "ecm_connections_by_transport",
        "Connections of clients, by what is spoken.",
        "transport",
        _TRANSPORTS,
        lambda of: of.connections.by_transport,
    ),
    _gauges(
        "ecm_connections_by_state",
        "Connections of clients, by what they wait for; with those that are rejected.",
        "state",
        _STATES,
        lambda of: of.connections.by_state,
    ),
    _gauge("ecm_requests_held", "Requests that wait for their answers.", lambda of: of.held),
    _gauge("ecm_requests_parked", "Requests that wait for a link.", lambda of: of.parked),
    _gauge("ecm_parked_bytes", "Memory of the requests that wait.", lambda of: of.parked_bytes),
    _gauge(
        "ecm_buffered_bytes",
        "Memory that connections of clients hold (--max-buffered).",
        lambda of: of.buffered_bytes,
    ),
    _gauge("ecm_full", "Processes that let no newcomers in, or 0.", lambda of: float(of.is_full)),
    Gauge(
        Family(
            "ecm_link_up",
            Kind.GAUGE,
            "Links to ejabberd that are up.",
            ("protocol",),
            ("typed", "plain"),
        ),
        _links_up,
    ),
    _gauge("ecm_links_wanted", "Links that should be up.", lambda of: len(of.links)),
    _gauge(
        "ecm_link_queue_bytes",
        "Bytes that links have to send, or that are not acknowledged.",
        lambda of: sum(each.queue_bytes for each in of.links),
    ),
    _gauge(
        "ecm_reactor_lag_seconds",
        "Seconds by which the last tick of a process was late, the most of all.",
        lambda of: of.lag,
        max,
    ),
    _gauge("ecm_open_files", "Open files of all processes.", lambda of: of.open_files),
    _gauge(
        "ecm_open_files_limit",
        "Files that they may open; 0 is no limit.",
        lambda of: of.open_files_limit,
    ),
    Gauge(
        Family(
            "ecm_tls_certificate_not_after_timestamp_seconds",
            Kind.GAUGE,
            "Time at which a certificate for clients expires, by its first name.",
            ("name",),
        ),
        _certificates,
        min,
    ),
)
