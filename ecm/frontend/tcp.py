"""XMPP over TCP (RFC 6120) behind TLS: bytes of the client to ejabberd, and back.

What comes is not looked into. Only where there is no stream to ejabberd, ECM says why, in XMPP.
"""

import secrets
from typing import Final

from twisted.internet.interfaces import IHandshakeListener, ISSLTransport
from zope.interface import implementer

from ecm.frontend.blame import blame
from ecm.frontend.connection import Phase
from ecm.frontend.ordering import OrderedConnection, ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.frontend.streaming import StreamConnection
from ecm.link.message import REFUSED, TCP, open_line
from ecm.log.faults import Fault
from ecm.net.transport import channel_binding, keep_alive, peer_of
from ecm.upstream.pending import COUNTED_AS
from ecm.upstream.pool import Unavailable, UpstreamPool
from ecm.xmpp.errors import (
    CONNECTION_TIMEOUT,
    REMOTE_CONNECTION_FAILED,
    RESOURCE_CONSTRAINT,
    SYSTEM_SHUTDOWN,
    error,
    header,
)

# The name of XMPP in a TLS handshake (ALPN; XEP-0368, section 3).
XMPP_CLIENT: Final = b"xmpp-client"

NOT_LET_IN: Final = "ejabberd has not let it in"


def refusal_of(registry: Registry) -> str:
    """Return the condition of the stream error that newcomers get at the moment, if any."""
    if registry.draining:
        return SYSTEM_SHUTDOWN
    return RESOURCE_CONSTRAINT if registry.room.is_full else ""


def stream_id() -> str:
    """Return an ID for a stream of ECM's own."""
    return secrets.token_hex(8)


@implementer(IHandshakeListener)
class TcpConnection(StreamConnection):
    """A stream to ejabberd from the first byte behind TLS; ``peer`` is what a proxy has told."""

    speaks = "tcp"
    # There may be hundreds of thousands of these, nearly all of them idle.
    __slots__ = ("_binding", "peer", "_waiting")

    def __init__(
        self, registry: Registry, upstream: UpstreamPool, peer: ProxiedPeer | None = None
    ) -> None:
        super().__init__(registry, upstream)
        self.peer = peer
        # That of a login to the TLS connection (``channel_binding``), until ejabberd is told of it.
        self._binding = b""
        # Bytes for which there is no credit yet.
        self._waiting = b""

    def connectionMade(self) -> None:
        super().connectionMade()
        keep_alive(self.transport)
        if ISSLTransport.providedBy(self.transport):
            self.shake_hands()
        else:
            self._enter(Phase.HEAD)
        if self.registry.draining:
            self.drain()
        self.update_reading()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is complete: the client is to begin its stream."""
        super().handshakeCompleted()
        self._binding = channel_binding(self.transport)
        self._enter(Phase.HEAD)
        if self.registry.draining:
            self.drain()

    def dataReceived(self, data: bytes) -> None:
        if self.phase == Phase.HEAD:
            self._begin()
        streams = self._streams
        if streams is None:
            return  # it is closed
        if not self._waiting and len(data) <= streams.max_message and streams.may_send(self):
            streams.message(self, data)
            return
        self._waiting += data
        self.more()

    def more(self) -> None:
        """Pass on what has waited, as far as there is credit for it."""
        streams = self._streams
        while streams is not None and self._waiting and streams.may_send(self):
            size = streams.max_message
            message, self._waiting = self._waiting[:size], self._waiting[size:]
            streams.message(self, message)
        self.update_reading()
        self.registry.count_held(self)

    def _begin(self) -> None:
        """Open the stream, or say why there is none."""
        why = refusal_of(self.registry)
        if why:
            self._refuse(why, why)
            return
        address, port, proxied = self.peer or (*peer_of(self.transport), None)
        secure = bool(proxied) or ISSLTransport.providedBy(self.transport)
        binding = b"" if proxied else self._binding  # otherwise TLS here is that of the proxy
        try:
            self.open(open_line(TCP, address, port, secure, binding))
        except Unavailable as unavailable:
            self.registry.metrics.unavailable[COUNTED_AS[f"{unavailable}"]] += 1
            self._refuse(REMOTE_CONNECTION_FAILED, str(unavailable))
            return
        self.peer, self._binding = None, b""
        self.registry.metrics.streams_accepted["tcp"] += 1
        self._update_phase()

    def closed(self, reason: str, status: int | None) -> None:
        if reason == REFUSED:
            self._say(RESOURCE_CONSTRAINT, NOT_LET_IN)
        super().closed(reason, status)

    def _refuse(self, condition: str, why: str) -> None:
        """Close with a stream error."""
        self._say(condition, why)
        self._half_close()

    def _say(self, condition: str, why: str) -> None:
        """Send a stream error. ejabberd must have said nothing yet."""
        self.registry.metrics.streams_refused["tcp"] += 1
        blame(self, Fault.XMPP, why)
        self._send(header(stream_id()) + error(condition))

    def drain(self) -> None:
        """A stream is released in its turn. One that has not begun gets a second."""
        if not self.id:
            self.deadline = min(self.deadline, self.registry.clock.now + 1)

    def timed_out(self) -> None:
        """Say that the client has been too slow to begin; abort in all other cases."""
        if self.phase == Phase.HEAD:
            condition = refusal_of(self.registry) or CONNECTION_TIMEOUT
            self._refuse(condition, condition)
        else:
            super().timed_out()

    def _leave(self) -> None:
        self._waiting = b""
        super()._leave()
        self.update_reading()
        self.registry.count_held(self)

    def _may_read(self) -> bool:
        if self.phase == Phase.CLOSING:
            # Nothing is sent any more for which the client would have to read.
            return self._streams is None or (self.registry.reading and not self._waiting)
        return super()._may_read() and not self._waiting

    def _update_phase(self) -> None:
        if self.phase >= Phase.CLOSING:
            return
        if self._write_blocked:
            self._enter(Phase.SENDING)
        elif self.id and self.phase != Phase.HELD:
            self._enter(Phase.HELD)

    @property
    def held(self) -> int:
        return len(self._waiting) + super().held


def take_over(upstream: UpstreamPool, connection: OrderedConnection) -> None:
    """Let XMPP take the place of HTTP, for a client that has asked for it in the TLS handshake."""
    successor = TcpConnection(connection.registry, upstream, connection.peer)
    connection.hand_over(successor)
    successor.handshakeCompleted()
