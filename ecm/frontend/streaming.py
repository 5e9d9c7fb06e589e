"""The base of connections that are streams to ejabberd: messages both ways, as credit allows."""

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from ecm.frontend.pausing import PausingConnection
from ecm.frontend.registry import Registry
from ecm.link.message import GAVE_UP, GONE
from ecm.net.transport import send_at_once
from ecm.upstream.pending import COUNTED_AS
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.streams import Streams


class StreamConnection(PausingConnection):
    """A connection that is a stream (``ecm.upstream.stream``), until one of its ends has closed it.

    What ejabberd sends is taken once no bytes wait in the transport. Until then it holds back more.
    """

    __slots__ = ("_streams", "_upstream", "id", "owed", "sent")

    def __init__(self, registry: Registry, upstream: UpstreamPool) -> None:
        super().__init__(registry)
        self._upstream = upstream
        # The streams of its link, while it is one of them.
        self._streams: Streams | None = None
        self.id = 0
        # What the link counts.
        self.sent = self.owed = 0

    def open(self, line: bytes) -> None:
        """Open the stream, with what ``open_line`` makes. Raises Unavailable."""
        self.id = self._upstream.new_id()
        self._streams = self._upstream.open(self, line)

    def connectionMade(self) -> None:
        super().connectionMade()
        send_at_once(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._end(GONE)

    def _end(self, reason: str) -> None:
        """Tell ejabberd that the stream is over, for a reason of ``close`` in ecm.link.message."""
        if self._streams is not None:
            self._streams = None
            self._upstream.cancel(self.id, reason)

    # Called by upstream.

    def received(self, message: bytes) -> None:
        """Pass a message on to the client."""
        self._send(self._framed(message))
        if self._write_blocked:
            self.registry.count_held(self)
        elif self._streams is not None:
            self._streams.taken(self)

    def more(self) -> None:
        """Go on with what has waited for credit."""

    def left(self) -> None:
        """Close our end. What the client sends until it has closed its own goes to ejabberd."""
        self._half_close()
        self.registry.closing.discard(self)  # it waits for more than the client's end
        self.update_reading()

    def closed(self, reason: str, status: int | None) -> None:
        """Close behind what waits for the client: ejabberd has ended the stream."""
        self._streams = None
        self._leave()

    def rejected(self, why: str) -> None:
        """Close: the link is lost, or one end is wrong about the stream."""
        self.registry.metrics.unavailable[COUNTED_AS[why]] += 1
        self._streams = None
        self._leave()

    def release(self) -> None:
        """Send the client to another ECM, or the next one, if this connection is to close.

        ejabberd is asked to say its last word before, so that nothing is on its way then.
        """
        if self not in self.registry.leaving:
            return
        if self._streams is None or not self._streams.leave(self):
            self.reject_pending()

    # Called on all connections.

    def reject_pending(self) -> None:
        """Close: ECM stops."""
        self._end(GAVE_UP)
        self._leave()

    def _all_sent(self) -> None:
        if self._streams is not None:
            self._streams.taken(self)
        self.registry.count_held(self)
        self.update_reading()

    # What a transport of streams has of its own.

    def _framed(self, message: bytes) -> bytes:
        """Return a message as its client gets it."""
        return message

    def _leave(self) -> None:
        """Close behind what waits for the client, which may send no more that counts."""
        self._half_close()
