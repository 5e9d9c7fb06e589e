"""Metrics of one ECM: what is counted, with the name, kind, labels and help of each in one table.

A metric is a number for each value of its label, or one number. Where each request counts, it is an
integer of its own. Sums over the processes of an ECM are made of whole tables.
"""

from bisect import bisect_left
from collections import Counter
from enum import Enum
from typing import Any, Final

import attrs


class Kind(Enum):
    """The kind of a metric, as Prometheus has it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@attrs.frozen
class Family:
    """All numbers of one name. ``values`` are what its label can be, where that is known."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@attrs.define
class Histogram:
    """The numbers of values up to each bound, and above the last; and the sum of the values."""

    counts: list[int] = attrs.field(factory=list)
    sum: float = 0.0

    def observe(self, value: float, bounds: tuple[float, ...]) -> None:
        """Count a value. The bounds are always the same."""
        if not self.counts:
            self.counts = [0] * (len(bounds) + 1)
        self.counts[bisect_left(bounds, value)] += 1
        self.sum += value

    def add(self, other: "Histogram") -> None:
        """Add what another one has counted, with the same bounds."""
        if not other.counts:
            return
        longer, shorter = sorted((self.counts, other.counts), key=len, reverse=True)
        self.counts = [*map(sum, zip(longer, shorter, strict=False)), *longer[len(shorter) :]]
        self.sum += other.sum


# Seconds. An answer of ejabberd takes some milliseconds, or as long as it is held.
EXCHANGE_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
ROUND_TRIP_BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)

# One request of so many is looked at for its time and size.
SAMPLED: Final = 64

# Why ECM ends connections, and why no node could be asked.
ENDED: Final = (
    *("idle", "header_timeout", "body_timeout", "send_timeout", "handshake_timeout"),
    *("half_closed", "evicted", "shed", "vanished"),
)
UNAVAILABLE: Final = ("no_link", "full", "stops", "no_streams", "misunderstood")

# Why a connection to ejabberd has ended, or has not come about.
LINK_ENDS: Final = (
    *("refused", "denied", "secret", "tls", "silent", "malformed", "stops", "lost", "other"),
)

# What is wrong with bytes that are no request, or none that is answered.
REJECTED: Final = (
    *("malformed", "slow", "no_length", "body_too_long", "head_too_long", "unsupported"),
    *("overload", "cors_origin", "other"),
)


def _counter(name: str, help: str) -> Any:
    """An integer of its own."""
    return attrs.field(default=0, metadata={"family": Family(name, Kind.COUNTER, help)})


def _counters(name: str, help: str, label: str, *values: str) -> Any:
    """A number for each value of a label."""
    family = Family(name, Kind.COUNTER, help, (label,), values)
    return attrs.field(factory=Counter, metadata={"family": family})


def _histogram(name: str, help: str, bounds: tuple[float, ...]) -> Any:
    family = Family(name, Kind.HISTOGRAM, help)
    return attrs.field(factory=Histogram, metadata={"family": family, "bounds": bounds})


@attrs.define
class Metrics:
    """Sums since the start. Each part of ECM is handed it, and counts its own."""

    requests: int = _counter("ecm_requests_total", "Requests sent over a link.")
    answers: int = _counter("ecm_answers_total", "Answers passed on to clients.")
    orphaned: int = _counter("ecm_answers_late_total", "Answers whose client had gone.")
    lost: int = _counter("ecm_requests_lost_total", "Requests in flight when their link was lost.")
    failed: int = _counter(
        "ecm_requests_failed_total",
        "Requests and streams that one end of the link did not understand.",
    )
    redirected: int = _counter(
        "ecm_requests_redirected_total", "Requests sent on to the node of their session."
    )
    unavailable: dict[str, int] = _counters(
        "ecm_requests_unavailable_total",
        "Requests, and streams, that were refused because ejabberd could not be asked.",
        "reason",
        *UNAVAILABLE,
    )
    broken: int = _counter("ecm_links_broken_total", "Breaks of a link that may resume.")
    link_ends: dict[str, int] = _counters(
        "ecm_link_reconnects_total",
        "Connections to ejabberd that have ended, or were tried in vain.",
        "reason",
        *LINK_ENDS,
    )
    packets: dict[str, int] = _counters(
        "ecm_link_packets_total", "Packets on links.", "direction", "sent", "received"
    )
    traffic: dict[str, int] = _counters(
        "ecm_link_bytes_total", "Bytes of packets on links.", "direction", "sent", "received"
    )
    resent: int = _counter(
        "ecm_link_packets_resent_total", "Packets sent again over the next connection of a link."
    )
    full_seconds: int = _counter(
        "ecm_link_full_seconds_total", "Seconds in which the send queue of a link was full."
    )
    round_trips: Histogram = _histogram(
        "ecm_link_round_trip_seconds", "Time from a ping to its pong.", ROUND_TRIP_BOUNDS
    )
    streams: int = _counter("ecm_link_streams_total", "Streams opened over a link.")
    streams_lost: int = _counter(
        "ecm_link_streams_lost_total", "Streams that ended with their link."
    )
    late: int = _counter("ecm_link_messages_late_total", "Messages whose stream had ended.")
    accepted: dict[str, int] = _counters(
        "ecm_connections_accepted_total", "Connections of clients, by the endpoint.", "door"
    )
    refused: dict[str, int] = _counters(
        "ecm_connections_refused_total",
        "Connections for which there was no place.",
        "reason",
        *("limit", "address"),
    )
    closed: int = _counter("ecm_connections_closed_total", "Connections of clients that are over.")
    ended: dict[str, int] = _counters(
        "ecm_connections_ended_total", "Connections that ECM has ended.", "reason", *ENDED
    )
    streams_accepted: dict[str, int] = _counters(
        "ecm_streams_accepted_total",
        "Streams of clients, by transport.",
        "transport",
        *("websocket", "tcp"),
    )
    streams_refused: dict[str, int] = _counters(
        "ecm_streams_refused_total",
        "Streams of clients that were refused: handshakes of WebSockets, and XMPP streams.",
        "transport",
        *("websocket", "tcp"),
    )
    streams_faulty: dict[str, int] = _counters(
        "ecm_streams_faulty_total",
        "Streams closed for a fault of their client.",
        "transport",
        "websocket",
    )
    handshakes: dict[str, int] = _counters(
        "ecm_tls_handshakes_total",
        "TLS handshakes of clients.",
        "result",
        *("ok", "timeout", "error"),
    )
    tls_faults: int = _counter(
        "ecm_tls_faults_total", "Connections closed for a fault of their client in TLS."
    )
    proxy_headers: int = _counter(
        "ecm_proxy_header_errors_total", "Connections whose PROXY header was none."
    )
    methods: dict[str, int] = _counters(
        "ecm_http_requests_total",
        "Requests, by method.",
        "method",
        *("post", "get", "head", "options", "other"),
    )
    responses: dict[str, int] = _counters(
        "ecm_http_responses_total", "Responses, by status.", "code"
    )
    rejected: dict[str, int] = _counters(
        "ecm_http_rejected_total",
        "Bytes that were no request, or none that is answered; and pages of other origins.",
        "reason",
        *REJECTED,
    )
    request_bytes: int = _counter(
        "ecm_request_bytes_total", f"Bytes of BOSH requests, counted at one of {SAMPLED}."
    )
    response_bytes: int = _counter(
        "ecm_response_bytes_total", f"Bytes of BOSH answers, counted at one of {SAMPLED}."
    )
    exchanges: Histogram = _histogram(
        "ecm_exchange_seconds",
        f"Time from a BOSH request to its answer, of one in {SAMPLED}.",
        EXCHANGE_BOUNDS,
    )
    # Parts of ``methods`` and ``responses``, until ``folded`` adds them: requests of BOSH, and the
    # statuses of answers other than 200.
    posts: int = 0
    statuses: dict[str, int] = attrs.field(factory=Counter)

    def folded(self) -> "Metrics":
        """Return a copy with all that is counted in parts in its place."""
        copy = Metrics()
        copy.add(self)
        copy.methods["post"] += self.posts
        copy.responses = Counter(self.responses) + Counter(self.statuses)
        copy.responses["200"] += self.answers - sum(self.statuses.values())
        return copy

    def add(self, other: "Metrics") -> None:
        """Add all that another table has counted."""
        for name in NAMES:
            value, more = getattr(self, name), getattr(other, name)
            if isinstance(value, int):
                setattr(self, name, value + more)
            elif isinstance(value, Histogram):
                value.add(more)
            elif more:  # most have counted nothing
                setattr(self, name, Counter(value) + Counter(more))

    def __str__(self) -> str:
        """Return all that has been counted in one line, for the log."""
        return " ".join(f"{name}={value}" for name, value in self._counted() if value)

    def _counted(self) -> list[tuple[str, int]]:
        counted = []
        for name in NAMES:
            value = getattr(self, name)
            if isinstance(value, int):
                counted.append((name, value))
            elif isinstance(value, Histogram):
                counted.append((name, sum(value.counts)))
            else:
                counted += [(f"{name}.{key}", each) for key, each in sorted(value.items())]
        return counted


FIELDS: Final = tuple(each for each in attrs.fields(Metrics) if "family" in each.metadata)
NAMES: Final = tuple(each.name for each in FIELDS)
