"""The sockets of clients: all are read together, but for those that shake hands over TLS.

A handshake takes the CPU as long as thirty requests. When a million clients come back, all of them
shake hands at once, and those who are connected would wait behind them. So an iteration of the
reactor has a few of them go on; the others wait, with their bytes in the kernel.
"""

from collections.abc import Callable
from select import EPOLLIN, EPOLLOUT, EPOLLRDHUP, POLLIN, poll
from typing import Any, Protocol

from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

from ecm.limits import HANDSHAKES_AT_ONCE
from ecm.net.batch import BatchedIO, Readers
from ecm.net.later import Later
from ecm.net.pace import Pace
from ecm.net.reactor import ReactorCore
from ecm.net.transport import IStreamTransport, underlying


class Sockets(Protocol):
    """Reads the sockets of clients."""

    def add(self, transport: IStreamTransport) -> None:
        """Read one together with the others from now on."""

    def shake_hands(self, transport: IStreamTransport, begins: Callable[[], object]) -> None:
        """Read one in its turns, and call ``begins`` at the first, until it is added."""

    def put_back(self, transport: IStreamTransport, data: bytes) -> bool:
        """Have one that waits for its first turn receive then what was read before. Return whether
        it waits."""

    def early(self, transport: IStreamTransport) -> int:
        """Return the number of bytes that it is to receive in its first turn."""

    def is_late(self, transport: IStreamTransport) -> bool:
        """Return whether it has waited for its first turn though its client has sent something."""

    def forget(self, transport: IStreamTransport) -> None:
        """One has closed, or is never to be read again."""

    def go_on_later(self, act: Callable[[], object], failed: Callable[[], object]) -> None:
        """Have something done in a later turn, if there are turns; ``failed`` behind an error."""

    def is_for_later(self, act: Callable[[], object]) -> bool:
        """Return whether that is to be done in a later turn."""


class Unbatched:
    """The reactor itself reads each as it likes."""

    def add(self, transport: IStreamTransport) -> None:
        """It is read."""

    def shake_hands(self, transport: IStreamTransport, begins: Callable[[], object]) -> None:
        begins()

    def put_back(self, transport: IStreamTransport, data: bytes) -> bool:
        return False

    def early(self, transport: IStreamTransport) -> int:
        return 0

    def is_late(self, transport: IStreamTransport) -> bool:
        return False

    def forget(self, transport: IStreamTransport) -> None:
        """Nothing is known of it."""

    def go_on_later(self, act: Callable[[], object], failed: Callable[[], object]) -> None:
        """It goes on now."""

    def is_for_later(self, act: Callable[[], object]) -> bool:
        return False


class BatchedSockets:
    """Reads the connected ones in a batch; the link is in the same one."""

    def __init__(self, reactor: ReactorCore) -> None:
        self.batch = BatchedIO(reactor, pace=Pace(reactor))
        self._turns = Turns()
        self._in_turns = BatchedIO(reactor, self._turns)
        self._later = Later(reactor)

    def start(self) -> None:
        self.batch.start()
        self._in_turns.start()

    def stop(self) -> None:
        """Leave the reactor. No transport may be left."""
        self.batch.stop()
        self._in_turns.stop()

    def add(self, transport: IStreamTransport) -> None:
        self.forget(transport)
        self.batch.add(transport)

    def shake_hands(self, transport: IStreamTransport, begins: Callable[[], object]) -> None:
        self._turns.waiting[underlying(transport)] = begins
        self._in_turns.add(transport)

    def put_back(self, transport: IStreamTransport, data: bytes) -> bool:
        wire = underlying(transport)
        if wire not in self._turns.waiting:
            return False
        self._turns.put_back(wire, data)
        return True

    def early(self, transport: IStreamTransport) -> int:
        wire = underlying(transport)
        return len(_put_back(wire)) if wire in self._turns.waiting else 0

    def is_late(self, transport: IStreamTransport) -> bool:
        wire = underlying(transport)
        return wire in self._turns.waiting and (bool(_put_back(wire)) or _has_unread(wire))

    def forget(self, transport: IStreamTransport) -> None:
        if self._turns.waiting:
            self._turns.waiting.pop(underlying(transport), None)

    def go_on_later(self, act: Callable[[], object], failed: Callable[[], object]) -> None:
        self._later.add(act, failed)

    def is_for_later(self, act: Callable[[], object]) -> bool:
        return act in self._later


class Turns(Readers):
    """The sockets that shake hands: HANDSHAKES_AT_ONCE are read in an iteration, in their order.

    That order is the kernel's: an epoll gives those first that have had something to read for the
    longest, and one that has had its turn comes behind all others. So a client that sends nothing
    holds up nobody, however many there are of its kind. One with bytes that were put back counts as
    readable: it is polled for being writable, which it is, until its first turn.
    """

    def __init__(self) -> None:
        super().__init__(EPOLLIN | EPOLLRDHUP, enough=1)
        # Those that have had no turn, with what to call at the first.
        self.waiting: dict[Any, Callable[[], object]] = {}

    def put_back(self, reader: Any, data: bytes) -> None:
        """Have one that waits read these bytes first, which were read before."""
        reader.socket = PutBack(reader, data)
        if reader in self:
            self.epoll.modify(reader.fileno(), self._events | EPOLLOUT)

    def add(self, reader: Any) -> None:
        super().add(reader)
        if _put_back(reader):
            self.epoll.modify(reader.fileno(), self._events | EPOLLOUT)

    def ready(self) -> list[tuple[int, int]]:
        ready = self.epoll.poll(0, HANDSHAKES_AT_ONCE)
        return [(number, events) for number, events in ready if self._may_go_on(number, events)]

    def _may_go_on(self, number: int, events: int) -> bool:
        """Begin a handshake; return False for one whose client has given up before it."""
        reader = self.by_number[number]
        if _put_back(reader):
            self.epoll.modify(number, self._events)
        begins = self.waiting.pop(reader, None)
        if begins is None:
            return True
        if events & EPOLLRDHUP:
            reader.connectionLost(Failure(CONNECTION_DONE))
            return False
        begins()
        return True


class PutBack:
    """Stands for the socket of a transport until what was read of it is read again. Twisted's
    transports have no method to put something back."""

    def __init__(self, transport: Any, data: bytes) -> None:
        self.data = data
        self._transport = transport
        self._socket = transport.socket

    def recv(self, size: int) -> bytes:
        """Return all of it, and let the socket have its place again."""
        self._transport.socket = self._socket
        return self.data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)


def _put_back(wire: Any) -> bytes:
    """Return what a transport is to read first."""
    own = getattr(wire, "socket", None)
    return own.data if isinstance(own, PutBack) else b""


def _has_unread(wire: Any) -> bool:
    """Return whether something has come on a socket."""
    unread = poll()
    unread.register(wire.fileno(), POLLIN)
    return bool(unread.poll(0))
