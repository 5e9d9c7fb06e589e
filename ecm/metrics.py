"""Metrics of one ECM: the name, kind and help of each in one table."""

from enum import Enum
from typing import Any, Final

import attrs


class Kind(Enum):
    """The kind of a metric, as Prometheus has it."""

    COUNTER = "counter"
    GAUGE = "gauge"


def _metric(kind: Kind, name: str, help: str) -> Any:
    return attrs.field(default=0, metadata={"kind": kind, "name": name, "help": help})


def _counter(name: str, help: str) -> Any:
    return _metric(Kind.COUNTER, name, help)


@attrs.define
class Metrics:
    """Sums since the start, and last values. Each part of ECM is handed it, and counts its own."""

    requests: int = _counter("ecm_requests_total", "Requests sent over a link.")
    answers: int = _counter("ecm_answers_total", "Answers passed on to clients.")
    orphaned: int = _counter("ecm_answers_orphaned_total", "Answers whose client had gone.")
    lost: int = _counter("ecm_requests_lost_total", "Requests in flight when their link broke.")
    broken: int = _counter("ecm_links_broken_total", "Breaks of a link that may resume.")
    resent: int = _counter(
        "ecm_packets_resent_total", "Packets sent again over the next connection of a link."
    )
    failed: int = _counter(
        "ecm_requests_failed_total",
        "Requests and streams that one end of the link did not understand.",
    )
    redirected: int = _counter(
        "ecm_requests_redirected_total", "Requests sent on to the node of their session."
    )
    streams: int = _counter("ecm_streams_total", "Streams opened over a link.")
    streams_lost: int = _counter("ecm_streams_lost_total", "Streams that ended with their link.")
    late: int = _counter("ecm_messages_late_total", "Messages whose stream had ended.")
    websockets: int = _counter("ecm_websockets_total", "WebSockets accepted.")
    refused: int = _counter("ecm_websockets_refused_total", "Handshakes of WebSockets refused.")
    faulty: int = _counter(
        "ecm_websockets_faulty_total", "WebSockets closed for a fault of their client."
    )
    tcp: int = _counter("ecm_tcp_streams_total", "Streams of clients over TCP opened.")
    tcp_refused: int = _counter(
        "ecm_tcp_streams_refused_total", "Streams of clients over TCP refused."
    )
    tls_faults: int = _counter(
        "ecm_tls_faults_total", "Connections closed for a fault of their client in TLS."
    )
    vanished: int = _counter(
        "ecm_clients_vanished_total", "Connections aborted whose client did not answer a ping."
    )
    malformed: int = _counter("ecm_links_malformed_total", "Links closed for malformed packets.")
    round_trip: float = _metric(
        Kind.GAUGE, "ecm_link_round_trip_seconds", "Time from the last ping to its pong."
    )

    def __str__(self) -> str:
        """Return all values in one line, for the log."""
        return " ".join(f"{each.name}={round(getattr(self, each.name), 6)}" for each in FIELDS)


FIELDS: Final = attrs.fields(Metrics)
