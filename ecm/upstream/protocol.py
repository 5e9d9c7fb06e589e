"""A connection to ejabberd on Twisted's transport, which becomes a link once it is established."""

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHandshakeListener, ISSLTransport, ITCPTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.limits import HANDSHAKE_TIMEOUT, REQUEST_OVERHEAD
from ecm.link.connection import PERHAPS_PLAIN, LinkConnection
from ecm.link.events import Close, Established, Event, PeerDraining, RoundTrip, Send
from ecm.link.message import ANSWER_200, Message
from ecm.link.packet import HEADER_SIZE, PacketError
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import State
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.upstream.framer import PacketReceiver
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.send_queue import SendQueue

_log = Logger()

# The beginning of an answer that needs no decoding.
_ANSWER: Final = {LinkMode.PLAIN: b"", LinkMode.TYPED: ANSWER_200}


class LinkRefused(Exception):
    """The link was not established. The text says why."""


@implementer(IHandshakeListener)
class LinkProtocol(PacketReceiver):
    """One connection. ``ready`` fires with it once the link is established.

    It fails with LinkRefused, or with CancelledError.
    """

    queue: SendQueue

    def __init__(
        self,
        pool: UpstreamPool,
        clock: CoarseClock,
        settings: LinkSettings,
        metrics: Metrics,
        connection: LinkConnection,
    ) -> None:
        super().__init__(settings.max_packet)
        self.ready: Deferred[LinkProtocol] = Deferred(self._cancelled)
        self.on_lost: Callable[[Failure], None] | None = None
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._connection = connection
        self._answer = _ANSWER[settings.mode]
        # The link, while it is up.
        self._link: Link | None = None
        # When the connection was made, and whether the link protocol has started: after TLS.
        self._connected_at = 0.0
        self._started = False
        # Why the link was not established, where ECM has closed the connection.
        self._refusal: LinkRefused | None = None

    # From the transport.

    def connectionMade(self) -> None:
        self._connected_at = self._clock.now
        self.queue = SendQueue(self.transport, self._settings.max_queue, self._congestion)
        self.transport.registerProducer(self.queue, True)
        if ITCPTransport.providedBy(self.transport):  # not so on a UNIX socket
            self.transport.setTcpNoDelay(True)
        if not ISSLTransport.providedBy(self.transport):
            self.handshakeCompleted()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is complete and the certificate valid, or there is no TLS."""
        self._started = True
        self._do(self._connection.start(self._clock.now))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if not self.ready.called:
            self.ready.errback(self._refusal or _refusal(reason, self._started))
        self._down(reason.getErrorMessage())
        if self.on_lost is not None:
            self.on_lost(reason)

    def dataReceived(self, data: bytes) -> None:
        self._connection.last_received = self._clock.now
        super().dataReceived(data)

    def packet_received(self, connection_id: int, content: bytes) -> None:
        link, answer = self._link, self._answer
        if link is not None and connection_id and content.startswith(answer):
            link.table.answer(connection_id, 200, content[len(answer) :])
        else:
            self._do(self._connection.receive(connection_id, content, self._clock.seconds()))

    def packet_error(self, error: PacketError) -> None:
        self._metrics.malformed += 1
        self._do(self._connection.malformed(error))

    def _congestion(self, congested: bool) -> None:
        """The send queue has passed its high-water mark, or is empty again."""
        if self._link is None:
            return
        if congested:
            _log.warn("link congested: {size} bytes wait, clients are paused", size=self.queue.size)
            self._pool.update_link(self._link, LinkStatus.CONGESTED)
        else:
            _log.info("link writable again: clients are resumed")
            self._pool.update_link(self._link, LinkStatus.WRITABLE)

    # From the clock.

    def tick(self, now: float) -> None:
        """Look whether the peer is alive. One that is closed has had its time to send."""
        if not self.connected:
            return
        if self._connection.state is State.CLOSED:
            self.transport.abortConnection()
        elif self._started:
            self._do(self._connection.tick(now, self.incomplete_for(now)))
        elif now - self._connected_at >= HANDSHAKE_TIMEOUT:
            self._refusal = LinkRefused(f"no TLS handshake within {HANDSHAKE_TIMEOUT} seconds")
            self.transport.abortConnection()

    # Events of the link. Those of requests go to the link.

    def _do(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send():
                    self.queue.send(event)
                case Established(hello):
                    self._established(hello)
                case PeerDraining() if self._link is not None:
                    _log.info("ejabberd is draining: ECM sends it no more requests")
                    self._pool.update_link(self._link, LinkStatus.DRAINING)
                case RoundTrip(seconds):
                    self._metrics.round_trip = seconds
                case Close(reason):
                    self._close(reason)
                case _ if self._link is not None:
                    self._link.handle([event])

    def _established(self, hello: Message | None) -> None:
        max_body = self._settings.max_packet - HEADER_SIZE
        if hello is None:
            _log.info("link up: plain, client addresses do not cross it")
        else:
            _log.info("link up: typed, with {name}", name=hello.fields["instance"])
            max_body = min(max_body, _max_body(int(hello.fields["max-packet"]), self._settings))
        self._link = Link(
            self._connection, self.queue, self._metrics, max_body, self._settings.max_content
        )
        self._pool.update_link(self._link, LinkStatus.WRITABLE)
        self.ready.callback(self)

    def _close(self, reason: str) -> None:
        self._refusal = LinkRefused(reason)
        self._down(reason)
        self.transport.unregisterProducer()  # otherwise it would not close while it is congested
        self.transport.loseConnection()

    def _down(self, reason: str) -> None:
        """Take the link out of the pool, if it is up. Only its own exchanges are lost."""
        link, self._link = self._link, None
        if link is None:
            return
        _log.warn(
            "link down: {reason}; {lost} requests lost, answered 503",
            reason=reason,
            lost=len(link.table),
        )
        self._pool.update_link(link, LinkStatus.DOWN)
        link.lose_all()

    def _cancelled(self, ready: Deferred["LinkProtocol"]) -> None:
        """ECM stops before the link is established."""
        ready.errback(CancelledError())
        self.transport.abortConnection()


def _refusal(reason: Failure, started: bool) -> LinkRefused:
    """Tell a peer that hangs up on hello from a connection that has failed."""
    if started and reason.check(ConnectionDone, ConnectionLost):
        return LinkRefused(f"it closes the link and does not answer hello{PERHAPS_PLAIN}")
    return LinkRefused(reason.getErrorMessage())


def _max_body(taken: int, settings: LinkSettings) -> int:
    """Return the longest body for a peer that takes packets of so many bytes."""
    if taken < settings.max_packet:
        _log.warn(
            "ejabberd takes packets of {taken} bytes, ECM sends up to {sent}: longer requests end"
            " their sessions; give max_packet and --max-packet the same value",
            taken=taken,
            sent=settings.max_packet,
        )
    return taken - REQUEST_OVERHEAD
