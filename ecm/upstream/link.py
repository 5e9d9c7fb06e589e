"""An established link, as the pool sees it: requests, their answers, and streams.

It outlives its connection if both ends can resume.
"""

from collections.abc import Callable
from enum import Enum

from twisted.logger import Logger

from ecm.limits import REQUEST_OVERHEAD
from ecm.link import message, requests
from ecm.link.agreement import Agreement, Previous
from ecm.link.credit import Windows
from ecm.link.events import (
    Answered,
    Credited,
    Dropped,
    Event,
    Failed,
    Left,
    Part,
    Received,
    Send,
)
from ecm.link.message import HALF_CLOSED, REQUEST, beginning
from ecm.link.numbering import Receipts
from ecm.link.packet import HEADER_SIZE, decode, encode
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.net.batch import AtEnd, at_once
from ecm.upstream.failures import Failures
from ecm.upstream.pending import NOT_UNDERSTOOD, Pending
from ecm.upstream.send_queue import SendQueue
from ecm.upstream.streams import Streams
from ecm.upstream.table import ConnectionTable

_log = Logger()


class LinkStatus(Enum):
    """Status of a link in the pool, from the best to the worst."""

    WRITABLE = "writable"  # it takes requests
    CONGESTED = "congested"  # its send queue is full
    BROKEN = "broken"  # it has no connection, and may go on over the next one
    DRAINING = "draining"  # ejabberd answers those that it has, and takes no more
    DOWN = "down"

    @property
    def is_up(self) -> bool:
        """True if ejabberd takes requests over it, now or soon."""
        return self in (LinkStatus.WRITABLE, LinkStatus.CONGESTED)


class Link:
    """One link, from when it is established, on one connection after another.

    ``agreement`` is None on a plain link, ``token`` empty on one that ends with its connection.
    ``congestion`` is that of its send queue. ``slot`` is that of its node among all nodes.
    ``is_final`` says that there will be no other connection.
    """

    def __init__(
        self,
        agreement: Agreement | None,
        token: str,
        settings: LinkSettings,
        metrics: Metrics,
        congestion: Callable[[bool], None],
        slot: int = 0,
        at_end: AtEnd = at_once,
    ) -> None:
        self.slot = slot
        self.metrics = metrics
        self.table = ConnectionTable(metrics, settings.max_content)
        self.queue = SendQueue(settings.max_queue, congestion, bool(token), at_end)
        self.receipts = Receipts()
        self.max_body = _max_body(agreement, settings.max_packet)
        self.streams = _streams(agreement, settings, self.queue, metrics)
        self.is_final = not token
        # Whether one end has said that it stops.
        self.was_to_end = False
        # Its name for the log, " to NODE", where there are several.
        self.to = ""
        # The load that its node has told, and the connections that it has been given since.
        self.told: int | None = None
        self.newcomers = 0
        # Whether its node tells of itself and of sessions, over the connection that is there.
        self.tells = agreement is not None and agreement.insight
        # The seconds from its last ping to the pong.
        self.round_trip = 0.0
        # The name that its node has told for its cluster, or "", and numbers by name.
        self.cluster = ""
        self.numbers: dict[str, int] = {}
        self._failed_requests = Failures("request", "answered 503")
        self._failed_streams = Failures("stream", "closed")
        self._agreement = agreement
        self.is_typed = agreement is not None
        self.token = token

    # From the pool.

    @property
    def in_flight(self) -> int:
        """The number of requests in flight and of open streams."""
        return len(self.table) + len(self.streams)

    @property
    def load(self) -> int:
        """The load of its node, beside that of others; if it tells none, its clients there."""
        return self.in_flight if self.told is None else self.told + self.newcomers

    @property
    def node(self) -> str:
        """The name of its node; empty on a plain link, which does not tell it."""
        return "" if self._agreement is None else self._agreement.instance

    def send_request(self, exchange: Pending, line: bytes, body: bytes) -> None:
        """Send a request; a plain link carries no line."""
        if len(body) > self.max_body:
            line, body = beginning(line, body, self.max_body)
        self.table.add(exchange)
        self.queue.write(encode(exchange.id, line + body if self.is_typed else body))

    def cancel(self, connection_id: int, reason: str) -> bool:
        """Tell ejabberd that a client has gone. Returns whether it was one of this link."""
        found = self.table.remove(connection_id) or self.streams.take(connection_id) is not None
        if found and self.is_typed:
            self.handle([requests.cancel(connection_id, reason)])
        return found

    def half_closed(self, connection_id: int) -> None:
        """Tell ejabberd that the client of a request on this link may have gone, or may wait."""
        if self.is_typed and connection_id in self.table:
            self.handle([requests.cancel(connection_id, HALF_CLOSED)])

    def tell_nodes(self, names: list[str]) -> None:
        """Tell ejabberd which other nodes may get its requests back."""
        if self.is_typed:
            self.queue.say(message.encode("nodes", body="\n".join(names).encode()))

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon."""
        self.is_final = self.was_to_end = True
        if self.is_typed:
            self.queue.say(message.encode("drain"))

    def take_unacknowledged(self) -> list[tuple[Pending, bytes, bytes]]:
        """Give up the exchanges whose requests ejabberd may not have got, and return all of that.

        The link is down. With each exchange come the line and the body of its request.
        """
        requests = {}  # the last one of each ID
        for packet in (*self.queue.outbox.sent, *self.queue.outbox.waiting):
            connection_id, content = decode(packet)
            if self.is_typed and content.startswith(REQUEST):
                requests[connection_id] = content.partition(b"\n")
        exchanges = [self.table.take(each) for each in requests]
        return [
            (exchange, line + lf, body)
            for exchange, (line, lf, body) in zip(exchanges, requests.values(), strict=True)
            if exchange is not None
        ]

    def abort(self) -> None:
        """Close the connection at once, whatever waits to be sent."""
        self.queue.abort()

    # From the link's protocol and keeper.

    @property
    def previous(self) -> Previous | None:
        """The numbers with which it can go on over another connection."""
        if self._agreement is None or self.is_final:
            return None
        sent, received = self.queue.outbox, self.receipts.number
        return Previous(self.token, self._agreement, received, sent.acknowledged, sent.last_sent)

    def handle(self, events: list[Event]) -> None:
        """Do what events of requests and streams want done."""
        for event in events:
            match event:
                case Send(connection_id, content, droppable):
                    if not (droppable and self.queue.is_paused):
                        self.queue.write(encode(connection_id, content))
                case Answered(connection_id, status, body, content_type):
                    self.table.answer(connection_id, status, body, content_type)
                case Part(connection_id, body):
                    if fault := self.table.part(connection_id, body):
                        self.handle(requests.reject(connection_id, fault))
                case Dropped(connection_id, reason, status):
                    if (stream := self.streams.take(connection_id)) is not None:
                        stream.closed(reason, status)
                    else:
                        self.table.drop(connection_id)
                case Received(connection_id, body):
                    if fault := self.streams.received(connection_id, body):
                        self.handle(requests.give_up(connection_id, fault))
                case Credited(connection_id, size):
                    if fault := self.streams.credited(connection_id, size):
                        self.handle(requests.give_up(connection_id, fault))
                case Left(connection_id):
                    self.streams.left(connection_id)
                case Failed(connection_id, reason):
                    if (stream := self.streams.take(connection_id)) is not None:
                        self._failed_streams.add(reason)
                        self.metrics.failed += 1
                        stream.rejected(NOT_UNDERSTOOD)
                    else:
                        self._failed_requests.add(reason)
                        self.table.fail(connection_id)

    def tick(self, now: float) -> None:
        """Acknowledge what has come within the last second, and log what has failed more often."""
        self.acknowledge()
        self._failed_requests.tick(now)
        self._failed_streams.tick(now)

    def acknowledge(self) -> None:
        """Tell ejabberd what has come since; later, if it does not read at the moment."""
        if self.queue.is_paused or self.receipts.number == self.receipts.told:
            return
        number = self.receipts.tell()
        if self.token:
            self.queue.say(message.encode("ack", [str(number)]))


def _max_body(agreement: Agreement | None, max_packet: int) -> int:
    """Return the longest body that both ends take in a request."""
    if agreement is None:
        return max_packet - HEADER_SIZE
    if agreement.max_packet < max_packet:
        _log.warn(
            "ejabberd takes packets of {taken} bytes, ECM sends up to {sent}: longer requests end"
            " their sessions; give max_packet and --max-packet the same value",
            taken=agreement.max_packet,
            sent=max_packet,
        )
    return min(max_packet - HEADER_SIZE, agreement.max_packet - REQUEST_OVERHEAD)


def _streams(
    agreement: Agreement | None, settings: LinkSettings, queue: SendQueue, metrics: Metrics
) -> Streams:
    if agreement is None:
        return Streams(queue, Windows(0, 0), settings.max_packet, metrics)
    windows = Windows(settings.stream_window, agreement.window)
    max_packet = min(settings.max_packet, agreement.max_packet)
    return Streams(queue, windows, max_packet, metrics, agreement.leave)
