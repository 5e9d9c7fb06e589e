"""TLS as connections of clients see it: the handshake in its turn, what it holds, its faults."""

from math import inf

from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from ecm.frontend.blame import blame
from ecm.frontend.connection import ClientConnection, Phase
from ecm.limits import HANDSHAKE_SIZE
from ecm.log.faults import Fault
from ecm.net.transport import held_by_tls, tls_error


class TlsConnection(ClientConnection):
    """A connection that may be over TLS.

    The time for a handshake counts from its first turn. A client that has sent nothing by the
    deadline has had its time, too; one that has is not to blame.
    """

    __slots__ = ()

    def shake_hands(self) -> None:
        """Wait for the TLS handshake, which is to come next on the transport."""
        self._enter(Phase.HANDSHAKE)
        self.registry.sockets.shake_hands(self.transport, self._handshake_begins)

    def _handshake_begins(self) -> None:
        if self.phase == Phase.HANDSHAKE:
            self._give_time()
        self.registry.count_held(self)

    def handshakeCompleted(self) -> None:
        """The TLS handshake is complete."""
        self.registry.metrics.handshakes["ok"] += 1
        self._enter(Phase.HELD)
        self.registry.sockets.add(self.transport)
        self.registry.count_held(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.phase == Phase.HANDSHAKE:
            self._count_failure()
        super().connectionLost(reason)
        why = tls_error(reason)
        if why:
            self.tls_failed(why)

    def timed_out(self) -> None:
        if self.phase == Phase.HANDSHAKE and self.registry.sockets.is_late(self.transport):
            self._give_time()
        else:
            super().timed_out()

    def _count_failure(self) -> None:
        is_late = self.registry.clock.now >= self.deadline
        self.registry.metrics.handshakes["timeout" if is_late else "error"] += 1
        self.registry.metrics.ended["handshake_timeout"] += is_late

    def _give_time(self) -> None:
        now = self.registry.clock.now
        latest = now + 1 if self.registry.draining else inf
        self.deadline = min(self.registry.deadlines[Phase.HANDSHAKE], latest)

    @property
    def held(self) -> int:
        if self.phase == Phase.HANDSHAKE:
            early = self.registry.sockets.early(self.transport)
            return early or HANDSHAKE_SIZE + held_by_tls(self.transport)
        return held_by_tls(self.transport) + super().held

    @property
    def _is_behind_in_tls(self) -> bool:
        """True while TLS waits for the rest of what the client has begun to send."""
        return self.phase == Phase.HANDSHAKE or held_by_tls(self.transport) > 0

    # Called by TLS.

    def held_changed(self) -> None:
        """The bytes that TLS holds for this connection are others than before."""
        self.registry.count_held(self)

    def tls_failed(self, why: str) -> None:
        """TLS ends the connection, for a fault of the client."""
        self.registry.metrics.tls_faults += 1
        blame(self, Fault.TLS, why)
