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

from ecm.limits import ACK_BYTES, ACK_PACKETS, HANDSHAKE_TIMEOUT
from ecm.link.connection import LinkConnection
from ecm.link.events import (
    Acknowledged,
    Close,
    Established,
    Event,
    Inspected,
    Misdirected,
    PeerDraining,
    Received,
    RoundTrip,
    Send,
    Statistics,
)
from ecm.link.message import ANSWER_200, MESSAGE
from ecm.link.packet import LINK_ID, PacketError, encode
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import Input, State
from ecm.metrics import ROUND_TRIP_BOUNDS, Metrics
from ecm.net.clock import CoarseClock
from ecm.upstream import reasons
from ecm.upstream.ends import why_ended
from ecm.upstream.framer import PacketReceiver
from ecm.upstream.keeper import LinkKeeper
from ecm.upstream.link import Link
from ecm.upstream.pool import UpstreamPool

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

    def __init__(
        self,
        keeper: LinkKeeper,
        pool: UpstreamPool,
        clock: CoarseClock,
        settings: LinkSettings,
        metrics: Metrics,
        connection: LinkConnection,
    ) -> None:
        super().__init__(settings.max_packet)
        self.ready: Deferred[LinkProtocol] = Deferred(self._cancelled)
        self.on_lost: Callable[[Failure], None] | None = None
        self._keeper = keeper
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
        # What has closed the connection, if the link protocol has.
        self._why = ""
        # Why the link was not established, where ECM has closed the connection.
        self._refusal: LinkRefused | None = None

    # From the transport.

    def connectionMade(self) -> None:
        self._connected_at = self._clock.now
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
        self._metrics.link_ends[why_ended(self._why, self._connection.state, reason)] += 1
        if not self.ready.called:
            self.ready.errback(self._refusal or self._refused(reason))
        self._down(reason.getErrorMessage())
        if self.on_lost is not None:
            self.on_lost(reason)

    def dataReceived(self, data: bytes) -> None:
        self._connection.last_received = self._clock.now
        super().dataReceived(data)
        if self._link is not None:
            receipts = self._link.receipts
            receipts.size += len(data)
            if receipts.number - receipts.told >= ACK_PACKETS or receipts.size >= ACK_BYTES:
                self._link.acknowledge()

    def packet_received(self, connection_id: int, content: bytes) -> None:
        link, answer = self._link, self._answer
        if link is not None and connection_id:
            link.receipts.number += 1  # first: one that makes ECM fail must not come again
            if content.startswith(answer):
                link.table.answer(connection_id, 200, content[len(answer) :])
                return
            if link.streams.are_carried and content.startswith(MESSAGE):
                link.handle([Received(connection_id, content[len(MESSAGE) :])])
                return
        self._do(self._connection.receive(connection_id, content, self._clock.seconds()))

    def packet_error(self, error: PacketError) -> None:
        self._do(self._connection.malformed(error))

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
            self._why = Input.SILENT.value
            self._refusal = LinkRefused(f"no TLS handshake within {HANDSHAKE_TIMEOUT} seconds")
            self.transport.abortConnection()

    # Events of the link. Those of requests go to the link.

    def _do(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send() if event.id == LINK_ID:
                    self._say(event)
                case Established():
                    self._established(event)
                case Acknowledged(number) if self._link is not None:
                    if not self._link.queue.acknowledge(number):
                        self._do(self._connection.disbelieve(number))
                case PeerDraining() if self._link is not None:
                    self._keeper.drains(self._link)
                case RoundTrip(seconds, load, cluster):
                    self._metrics.round_trips.observe(seconds, ROUND_TRIP_BOUNDS)
                    if self._link is not None:
                        self._link.round_trip = seconds
                        self._pool.nodes.heard(self._link, load, cluster)
                case Statistics(numbers) if self._link is not None:
                    self._link.numbers = numbers
                case Inspected():
                    self._pool.insight.inspected(event)
                case Misdirected() if self._link is not None:
                    self._pool.redirect(self._link, event)
                case Close(reason, is_final, why):
                    self._why = why
                    self._close(reason, is_final)
                case _ if self._link is not None:
                    self._link.handle([event])

    def _say(self, event: Send) -> None:
        """Send a message about the link itself, before what waits; not one that may be left out."""
        is_congested = self._link is not None and self._link.queue.is_paused
        if not (event.droppable and is_congested):
            self.transport.write(encode(event.id, event.content))

    def _established(self, event: Established) -> None:
        if event.got is not None and not self._keeper.is_kept:
            self._do(self._connection.disbelieve(None))
            return
        self._link = self._keeper.established(event, self.transport)
        self.ready.callback(self)

    def _close(self, reason: str, is_final: bool) -> None:
        self._refusal = LinkRefused(reason)
        if self._link is not None:
            self._link.is_final |= is_final
        elif is_final:
            self._keeper.give_up(reason)
        self._down(reason)
        self.transport.loseConnection()

    def _down(self, reason: str) -> None:
        """The link is not up any more on this connection."""
        link, self._link = self._link, None
        if link is not None:
            silence = self._clock.now - self._connection.last_received
            self._keeper.lost(link, reason, silent=silence >= self._settings.link_timeout)

    def _refused(self, reason: Failure) -> LinkRefused:
        """Tell a peer that hangs up on hello from a connection that has failed."""
        is_first = self._started and self._connection.state is State.TYPED_ONLY
        if is_first and reason.check(ConnectionDone, ConnectionLost):
            why = f"it closes the link and does not answer hello{self._connection.hint}"
            return LinkRefused(why)
        return LinkRefused(reasons.reason(reason.value))

    def _cancelled(self, ready: Deferred["LinkProtocol"]) -> None:
        """ECM stops before the link is established."""
        ready.errback(CancelledError())
        self.transport.abortConnection()
