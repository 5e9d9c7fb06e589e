"""A link on a Twisted transport: it carries requests to ejabberd, and answers back."""

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IHandshakeListener,
    IPushProducer,
    ISSLTransport,
    ITCPTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.limits import HANDSHAKE_TIMEOUT, REQUEST_OVERHEAD
from ecm.link.connection import PERHAPS_PLAIN, LinkConnection
from ecm.link.events import (
    Answered,
    Close,
    Dropped,
    Established,
    Event,
    Failed,
    Part,
    PeerDraining,
    RoundTrip,
    Send,
)
from ecm.link.message import ANSWER_200, Message
from ecm.link.packet import HEADER_SIZE, PacketError, encode
from ecm.link.settings import LinkSettings
from ecm.link.state import State
from ecm.net.clock import CoarseClock
from ecm.upstream.framer import PacketReceiver
from ecm.upstream.table import ConnectionTable

_log = Logger()


class LinkRefused(Exception):
    """The link did not come about. The text says why."""


@implementer(IPushProducer, IHandshakeListener)
class LinkProtocol(PacketReceiver):
    """A link. ``ready`` fires with it once it takes requests, or fails with LinkRefused."""

    def __init__(
        self,
        table: ConnectionTable,
        clock: CoarseClock,
        settings: LinkSettings,
        connection: LinkConnection,
    ) -> None:
        super().__init__(settings.max_packet)
        self.ready: Deferred[LinkProtocol] = Deferred(self._cancelled)
        self.on_lost: Callable[[Failure], None] | None = None
        self.max_body = settings.max_packet - HEADER_SIZE
        self.max_content = settings.max_content
        self._table = table
        self._clock = clock
        self._settings = settings
        self._connection = connection
        # When the connection was made, and whether the link has started, which TLS comes before.
        self._connected_at = 0.0
        self._begun = False
        # Why the link has not come up, if we have closed it.
        self._refusal: LinkRefused | None = None
        # How an answer with the status 200 begins on this link, while it is up.
        self._answer_prefix: bytes | None = None
        # Packets that wait because the transport is stuck, and their bytes.
        self._queue: list[bytes] = []
        self._queued = 0
        self._stuck = False
        self._full = False

    def connectionMade(self) -> None:
        self._connected_at = self._clock.now
        self.transport.registerProducer(self, True)
        if ITCPTransport.providedBy(self.transport):  # not so on a UNIX socket
            self.transport.setTcpNoDelay(True)
        if not ISSLTransport.providedBy(self.transport):
            self._start()

    def handshakeCompleted(self) -> None:
        """TLS is agreed upon, and the certificate is right."""
        self._start()

    def _start(self) -> None:
        self._begun = True
        self._do(self._connection.start(self._clock.now))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.connected = 0
        if not self.ready.called:
            self.ready.errback(self._refusal or self._not_up(reason))
        self._down(reason.getErrorMessage())
        if self.on_lost is not None:
            self.on_lost(reason)

    def _not_up(self, reason: Failure) -> LinkRefused:
        """Tell a peer that does not like hello from a connection that has failed."""
        if self._begun and reason.check(ConnectionDone, ConnectionLost):
            return LinkRefused(f"it closes the link and does not answer hello{PERHAPS_PLAIN}")
        return LinkRefused(reason.getErrorMessage())

    # From the table.

    def send_request(self, connection_id: int, line: bytes, body: bytes) -> None:
        """Send a request; a plain link carries no line."""
        content = line + body if self._answer_prefix else body
        self._send(encode(connection_id, content))

    def send_gone(self, connection_id: int, reason: str) -> None:
        """Tell ejabberd that nobody waits for the answer to a request any more."""
        self._do(self._connection.cancel(connection_id, reason))

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon."""
        self._do(self._connection.drain())

    def abort(self) -> None:
        """Close the link at once, whatever there is to be sent."""
        self.transport.abortConnection()

    # From the clock.

    def tick(self, now: float) -> None:
        """See whether ejabberd is there. A link that is to be closed has had its time to send."""
        if self.connected and self._connection.state is State.CLOSED:
            self.transport.abortConnection()
        elif self.connected and self._begun:
            self._do(self._connection.tick(now, self.incomplete_for(now)))
        elif self.connected and now - self._connected_at >= HANDSHAKE_TIMEOUT:
            self._refusal = LinkRefused(f"TLS was not agreed upon in {HANDSHAKE_TIMEOUT} seconds")
            self.transport.abortConnection()

    # From ejabberd.

    def dataReceived(self, data: bytes) -> None:
        self._connection.last_received = self._clock.now
        super().dataReceived(data)

    def packet_received(self, connection_id: int, content: bytes) -> None:
        prefix = self._answer_prefix
        if connection_id and prefix is not None and content.startswith(prefix):
            self._table.answer(connection_id, 200, content[len(prefix) :])
        else:
            self._do(self._connection.receive(connection_id, content, self._clock.seconds()))

    def packet_error(self, error: PacketError) -> None:
        self._table.counters.malformed += 1
        self._do(self._connection.malformed(error))

    # What the link's connection wants done.

    def _do(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(connection_id, content, droppable):
                    if not (droppable and self._stuck):
                        self._send(encode(connection_id, content))
                case Established(hello):
                    self._up(hello)
                case Answered(connection_id, status, body, content_type):
                    self._table.answer(connection_id, status, body, content_type)
                case Part(connection_id, body):
                    self._gather(connection_id, body)
                case Dropped(connection_id):
                    self._table.drop(connection_id)
                case Failed(connection_id, reason):
                    _log.warn("a request is answered 503: {why}", why=reason)
                    self._table.fail(connection_id)
                case PeerDraining():
                    _log.info("ejabberd stops, it is sent no more requests")
                    self._table.link_stops()
                case RoundTrip(seconds):
                    self._table.counters.round_trip = seconds
                case Close(reason):
                    self._close(reason)

    def _gather(self, connection_id: int, part: bytes) -> None:
        fault = self._table.part(connection_id, part)
        if fault:
            self._do(self._connection.reject(connection_id, fault))

    def _up(self, hello: Message | None) -> None:
        if hello is None:
            self._answer_prefix = b""
            _log.info("link up: plain, no addresses of clients cross it")
        else:
            self._answer_prefix = ANSWER_200
            self._greeted(hello)
        self._table.link_up(self)
        self.ready.callback(self)

    def _greeted(self, hello: Message) -> None:
        _log.info("link up: typed, with {name}", name=hello.fields["instance"])
        taken = int(hello.fields["max-packet"])
        self.max_body = min(self.max_body, taken - REQUEST_OVERHEAD)
        if taken < self._settings.max_packet:
            _log.warn(
                "ejabberd takes packets of {taken} bytes, ECM sends up to {sent}: longer requests"
                " end their sessions; give max_packet and --max-packet the same value",
                taken=taken,
                sent=self._settings.max_packet,
            )

    def _close(self, why: str) -> None:
        self._refusal = LinkRefused(why)
        self._down(why)
        self.transport.unregisterProducer()  # else it would not close while it is stuck
        self.transport.loseConnection()

    def _down(self, why: str) -> None:
        if self._answer_prefix is None:
            return
        self._answer_prefix = None
        _log.warn(
            "link down, with {unanswered} requests unanswered: {why}",
            unanswered=len(self._table),
            why=why,
        )
        self._table.link_down()

    def _cancelled(self, ready: Deferred["LinkProtocol"]) -> None:
        """ECM stops before ejabberd has said anything."""
        ready.errback(CancelledError())
        self.transport.abortConnection()

    # The queue. The transport says when ejabberd takes less than it is sent.

    def pauseProducing(self) -> None:
        self._stuck = True

    def _send(self, packet: bytes) -> None:
        if self._stuck:
            self._keep(packet)
        else:
            self.transport.write(packet)

    def _keep(self, packet: bytes) -> None:
        self._queue.append(packet)
        self._queued += len(packet)
        if self._queued > self._settings.max_queue and not self._full:
            self._full = True
            _log.warn("link full: clients wait until ejabberd has taken what was sent")
            self._table.link_full()

    def resumeProducing(self) -> None:
        self._stuck = False
        queue, self._queue, self._queued = self._queue, [], 0
        self.transport.writeSequence(queue)
        if self._full:
            self._full = False
            _log.info("link drained")
            self._table.link_drained()

    def stopProducing(self) -> None:
        """The link has gone, as connectionLost will say."""
