"""The base of all connections from clients: a phase with a deadline, and an end."""

from math import inf
from typing import TYPE_CHECKING, ClassVar, Final

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from ecm.net.slotted import SlottedProtocol
from ecm.net.transport import underlying

if TYPE_CHECKING:
    from ecm.frontend.registry import Registry


class Phase:
    """The event that a connection waits for. Each phase but HELD has a timeout.

    They are numbers: to look up a member of an Enum takes longer than to enter a phase.
    """

    IDLE: Final = 1  # a request
    HEAD: Final = 2  # the rest of a head
    BODY: Final = 3  # the rest of a body
    HELD: Final = 4  # a response, from ECM or ejabberd
    SENDING: Final = 5  # the client, to read what it was sent
    # These are left for no other phase.
    CLOSING: Final = 6  # the client, to close its end
    HANDSHAKE: Final = 7  # the client, to complete the TLS handshake
    HALF_CLOSED: Final = 8  # a response, for a client that has closed its end
    HANDED_OVER: Final = 9  # nothing: another protocol has the transport


class ClientConnection(SlottedProtocol):
    """A connection with a deadline, at which ``timed_out`` is called."""

    __slots__ = ("deadline", "phase", "registry")

    # What is spoken over it.
    speaks: ClassVar[str] = "http"

    def __init__(self, registry: "Registry") -> None:
        self.registry = registry
        self.phase: int = Phase.HELD
        self.deadline: float = inf

    def connectionMade(self) -> None:
        self.registry.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.phase = Phase.CLOSING  # and stays so: nothing is waited for any more
        self.registry.closed(self)

    def timed_out(self) -> None:
        """The deadline has passed."""
        self.transport.abortConnection()

    @property
    def idle_deadline(self) -> float:
        """The deadline of an idle connection; 0 while it is not idle."""
        return self.deadline if self.phase == Phase.IDLE else 0

    @property
    def held(self) -> int:
        """The bytes of memory that it takes beside those that each connection takes, about."""
        return 0

    @property
    def is_sending(self) -> bool:
        """True while the client has yet to take what it is sent."""
        return False

    def shed(self) -> None:
        """Let go of all that is held, because all connections together hold too much."""
        self.transport.abortConnection()

    # Called on all connections.

    def update_reading(self) -> None:
        """Pause or resume reading, as far as requests may come."""

    def probe(self, now: float) -> bool:
        """Look after the client, every five minutes. Returns whether it has vanished."""
        return False

    def drain(self) -> None:
        """Close as soon as no request is in flight."""
        self._half_close()

    def release(self) -> None:
        """Have what is in flight answered now, if the connection is to close."""

    def reject_pending(self) -> None:
        """Respond 503 to all requests that wait for a response."""

    def _enter(self, phase: int) -> None:
        """Begin a phase, unless the connection is in it already."""
        if phase != self.phase:
            self.phase = phase
            self.deadline = self.registry.deadlines[phase]
            if phase != Phase.HELD:
                self.registry.timed[self] = None

    def _half_close(self) -> None:
        """Close our end once everything is written, and wait for the client to close its own.

        To close both at once, while the client still sends, would be a reset, which may overtake
        the response (RFC 9112, section 9.6).
        """
        if self in self.registry.open:
            self.registry.closing.add(self)
        ended = self.phase == Phase.HALF_CLOSED
        before = self.deadline if ended or self.phase == Phase.SENDING else 0
        self._enter(Phase.CLOSING)
        self.deadline = max(self.deadline, before)  # long responses have more time
        underlying(self.transport).unregisterProducer()
        # TLS has no end of its own for each side.
        if ended or ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()
