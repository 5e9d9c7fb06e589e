"""What all connections from clients have in common: a deadline, and an end."""

from math import inf
from typing import Final
from typing import Protocol as Interface

from twisted.internet.interfaces import ISSLTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ecm.frontend.budget import Budget
from ecm.net.ack_timeout import AckTimeout
from ecm.net.transport import IStreamTransport, close_now, underlying


class Phase:
    """What a connection waits for. Each phase but the fourth has its time.

    They are numbers: to look up a member of an Enum takes longer than to enter a phase.
    """

    IDLE: Final = 1  # a request
    HEAD: Final = 2  # the rest of a head
    BODY: Final = 3  # the rest of a body
    HELD: Final = 4  # us, or ejabberd
    TAKING: Final = 5  # the client, to read what it was sent
    # In these it stays, whatever else there is.
    CLOSING: Final = 6  # the client, to close its end
    HANDSHAKE: Final = 7  # the client, to agree upon TLS
    LEAVING: Final = 8  # ejabberd, for a client that has closed its end


class Connections(Interface):
    """What a connection needs of the others: to be one of them, and to know its time."""

    deadlines: dict[int, float]
    send_timeout: int
    ack_timeout: AckTimeout
    budget: Budget
    timed: dict["Connection", None]

    def opened(self, connection: "Connection") -> None:
        """A connection was made."""

    def closed(self, connection: "Connection") -> None:
        """A connection has gone."""


class Connection(Protocol):
    """A connection with a deadline, at which ``expired`` is called."""

    __slots__ = ("_connections", "_phase", "connected", "deadline", "transport")

    transport: IStreamTransport

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._phase: int = Phase.HELD
        self.deadline: float = inf

    def connectionMade(self) -> None:
        self._connections.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._phase = Phase.CLOSING  # and stays so: nothing is waited for any more
        self._connections.closed(self)

    def expired(self) -> None:
        """The deadline has passed."""
        self.transport.abortConnection()

    @property
    def idle_until(self) -> float:
        """When it is closed for being idle; 0 where it is not."""
        return self.deadline if self._phase == Phase.IDLE else 0

    def make_way(self) -> None:
        """Close at once, for another. It has to be idle: there is nothing to be sent."""
        close_now(self.transport)

    @property
    def held(self) -> int:
        """How many bytes of memory it takes beside those that each connection takes, about."""
        return 0

    def let_go(self) -> None:
        """Hold nothing any more: there is too much of it."""
        self.transport.abortConnection()

    # What the server says to all; the connections of which it is true do something.

    def read_or_not(self) -> None:
        """Read the client as far as the server is ready for it."""

    def drain(self) -> None:
        """Close as soon as no request is in flight."""
        self._shut()

    def give_up(self) -> None:
        """Answer what is in flight without the session."""

    def _enter(self, phase: int) -> None:
        """Begin a phase, unless the connection is in it already."""
        if phase != self._phase:
            self._phase = phase
            self.deadline = self._connections.deadlines[phase]
            if phase != Phase.HELD:
                self._connections.timed[self] = None

    @property
    def _wire(self) -> IStreamTransport:
        """The transport that is empty once the client has taken everything: below TLS, if there is.

        TLS takes what it is given, and asks a pull producer for more before anything is sent.
        """
        return underlying(self.transport)

    def _shut(self) -> None:
        """Close our end once everything is written, and wait for the client to close its own.

        To close both at once, while the client still sends, would be a reset, which may overtake
        the answer (RFC 9112, section 9.6).
        """
        ended = self._phase == Phase.LEAVING
        before = self.deadline if ended or self._phase == Phase.TAKING else 0
        self._enter(Phase.CLOSING)
        self.deadline = max(self.deadline, before)  # what is long takes longer
        self._wire.unregisterProducer()
        # TLS has no end of its own for each side.
        if ended or ISSLTransport.providedBy(self.transport):
            self.transport.loseConnection()
        else:
            self.transport.loseWriteConnection()
