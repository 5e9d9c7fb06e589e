"""An established link, as the pool sees it: it takes requests, and gives their answers."""

from enum import Enum

from twisted.logger import Logger

from ecm.limits import MAX_CONTENT
from ecm.link.connection import LinkConnection
from ecm.link.events import Answered, Dropped, Event, Failed, Part, Send
from ecm.link.message import HALF_CLOSED, beginning
from ecm.link.packet import encode
from ecm.metrics import Metrics
from ecm.upstream.pending import NO_LINK, Pending
from ecm.upstream.send_queue import SendQueue
from ecm.upstream.table import ConnectionTable

_log = Logger()


class LinkStatus(Enum):
    """Status of a link in the pool."""

    WRITABLE = "writable"  # it takes requests
    CONGESTED = "congested"  # its send queue is above the high-water mark
    DRAINING = "draining"  # ejabberd answers those that it has, and takes no more
    DOWN = "down"


class Link:
    """One link, from when it is established. ``max_body`` is the longest body that it carries."""

    def __init__(
        self,
        connection: LinkConnection,
        queue: SendQueue,
        metrics: Metrics,
        max_body: int,
        max_content: int = MAX_CONTENT,
    ) -> None:
        self.table = ConnectionTable(metrics, max_content)
        self.max_body = max_body
        self._connection = connection
        self._queue = queue
        self._typed = connection.is_typed

    # From the pool.

    def send_request(self, exchange: Pending, line: bytes, body: bytes) -> None:
        """Send a request; a plain link carries no line."""
        if len(body) > self.max_body:
            line, body = beginning(line, body, self.max_body)
        self.table.add(exchange)
        self._queue.write(encode(exchange.id, line + body if self._typed else body))

    def cancel(self, connection_id: int, reason: str) -> bool:
        """Tell ejabberd that nobody waits for an answer. Returns whether it is due on this link."""
        found = self.table.remove(connection_id)
        if found:
            self.handle(self._connection.cancel(connection_id, reason))
        return found

    def half_closed(self, connection_id: int) -> None:
        """Tell ejabberd that the client of a request on this link may have gone, or may wait."""
        if connection_id in self.table:
            self.handle(self._connection.cancel(connection_id, HALF_CLOSED))

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon."""
        self.handle(self._connection.drain())

    def abort(self) -> None:
        """Close the link at once, whatever waits to be sent."""
        self._queue.abort()

    # From the link's protocol.

    def handle(self, events: list[Event]) -> None:
        """Do what events of requests want done."""
        for event in events:
            match event:
                case Send():
                    self._queue.send(event)
                case Answered(connection_id, status, body, content_type):
                    self.table.answer(connection_id, status, body, content_type)
                case Part(connection_id, body):
                    fault = self.table.part(connection_id, body)
                    if fault:
                        self.handle(self._connection.reject(connection_id, fault))
                case Dropped(connection_id):
                    self.table.drop(connection_id)
                case Failed(connection_id, reason):
                    _log.warn("request failed, answered 503: {reason}", reason=reason)
                    self.table.fail(connection_id)

    def lose_all(self) -> None:
        """Refuse the exchanges of this link, which is down."""
        self.table.lose_all(NO_LINK)
