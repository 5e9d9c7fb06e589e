"""The stage of a connection for XMPP before TLS, which it must begin with STARTTLS."""

from collections.abc import Callable

from twisted.internet.interfaces import IProtocol

from ecm.frontend.blame import blame
from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.ordering import ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.frontend.tcp import TcpConnection, refusal_of, stream_id
from ecm.log.faults import Fault
from ecm.net.transport import switch_protocol
from ecm.upstream.pool import UpstreamPool
from ecm.xmpp.errors import CONNECTION_TIMEOUT
from ecm.xmpp.starttls import StartTls, Step


class StartTlsConnection(ClientConnection):
    """Speaks XMPP until the client begins TLS; then another protocol has the transport.

    ``tls`` returns the TLS in which a protocol speaks. All of this must be done in the time of a
    head.
    """

    speaks = "tcp"
    __slots__ = ("peer", "_stream", "_tls", "_upstream")

    def __init__(
        self,
        registry: Registry,
        upstream: UpstreamPool,
        tls: Callable[[IProtocol], IProtocol],
        peer: ProxiedPeer | None,
    ) -> None:
        super().__init__(registry)
        self._upstream = upstream
        self._tls = tls
        self.peer = peer
        self._stream = StartTls(stream_id())

    def connectionMade(self) -> None:
        super().connectionMade()
        self._enter(Phase.HEAD)
        if self.registry.draining:
            self.drain()

    def dataReceived(self, data: bytes) -> None:
        if self.phase != Phase.HEAD:
            return
        why = refusal_of(self.registry)
        step = self._stream.fail(why) if why else self._stream.receive(data)
        self._follow(step)
        if step.begins:
            self._begin_tls()
        else:
            self.registry.count_held(self)

    def _follow(self, step: Step) -> None:
        if step.reply:
            self.transport.write(step.reply)
        if step.fault:
            self.registry.metrics.streams_refused["tcp"] += 1
            blame(self, Fault.XMPP, step.fault)
        if step.ends:
            self._half_close()

    def _begin_tls(self) -> None:
        """Let TLS have the transport."""
        successor = TcpConnection(self.registry, self._upstream, self.peer)
        self.phase = Phase.HANDED_OVER
        self.registry.replace(self, successor)
        switch_protocol(self.transport, self._tls(successor))

    @property
    def held(self) -> int:
        return self._stream.held

    def drain(self) -> None:
        """A client that is about to begin TLS gets a second."""
        self.deadline = min(self.deadline, self.registry.clock.now + 1)

    def timed_out(self) -> None:
        """Say that the client has been too slow; abort where it does not close either."""
        if self.phase == Phase.HEAD:
            self._follow(self._stream.fail(refusal_of(self.registry) or CONNECTION_TIMEOUT))
        else:
            super().timed_out()
