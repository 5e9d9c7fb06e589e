"""The control socket between the supervisor and a worker, both ends. One message is one packet.

The first byte of a message is its tag:

    supervisor to worker: CONNECTION, with the number of its listener and its address family; the
                          connection goes along as a file descriptor (SCM_RIGHTS, unix(7))
                          LEAVE: begin to shut down gracefully, and serve new connections still
                          RETIRE: complete it
                          ABORT: shut down at once what is shutting down gracefully
                          DRAIN, with seconds: close all connections within that time, and serve
                          new ones still; again and again with the time that is left
                          UNDRAIN: close no more connections
                          PEMS: a file goes along, a Bundle of certificates for new connections
                          ASK, with a number and a question (ecm.questions)
    worker to supervisor: TAKEN, with the number of connections that it has taken since its start:
                          it is about to serve the last of them, which nobody else may
                          LOAD, with what a Load has, once a second; and in place of some TAKEN
                          SNAPSHOT, with what ecm.status.form makes of one, if it is another one
                          LEFT: all connections are closed that were there at the LEAVE
                          RETIRING: the worker was signalled to end, and is to get a RETIRE
                          TOLD, with the number of a question, and its answer
"""

import array
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import attrs
from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

from ecm.limits import MAX_QUESTION
from ecm.net.reactor import ReactorCore

CONNECTION: Final = b"C"
LEAVE: Final = b"L"
RETIRE: Final = b"R"
ABORT: Final = b"A"
DRAIN: Final = b"D"
UNDRAIN: Final = b"U"
PEMS: Final = b"P"
ASK: Final = b"Q"
TAKEN: Final = b"t"
LOAD: Final = b"l"
LEFT: Final = b"e"
RETIRING: Final = b"r"
TOLD: Final = b"q"
SNAPSHOT: Final = b"s"

_CONNECTION: Final = struct.Struct("=cHB")
_TAKEN: Final = struct.Struct("=cQ")
_LOAD: Final = struct.Struct("=cQII?d")
_DRAIN: Final = struct.Struct("=cd")
_INT: Final = struct.Struct("i")

# Messages that are read at a time.
_BATCH: Final = 100

Received = Callable[[bytes, list[int]], None]


@attrs.frozen
class Load:
    """Connections that a worker was assigned since its start, those open, those that are idle.

    ``idle`` ones make way for new ones. It is 0 while there is room without that. ``is_linked`` is
    whether ejabberd can be asked, ``cpu`` the seconds of CPU that the worker has had.
    """

    assigned: int
    open: int
    idle: int
    is_linked: bool = True
    cpu: float = 0.0

    def encode(self) -> bytes:
        """Return the message LOAD."""
        fields = (self.assigned, self.open, self.idle, self.is_linked, self.cpu)
        return _LOAD.pack(LOAD, *fields)

    @classmethod
    def decode(cls, message: bytes) -> "Load":
        """Return the figures of a message LOAD."""
        _, *fields = _LOAD.unpack(message)
        return cls(*fields)


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new control socket."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def encode_connection(listener: int, family: int) -> bytes:
    """Return the message CONNECTION for the number of a listener and an address family."""
    return _CONNECTION.pack(CONNECTION, listener, family)


def decode_connection(message: bytes) -> tuple[int, int]:
    """Return the number of the listener and the address family of a message CONNECTION."""
    _, listener, family = _CONNECTION.unpack(message)
    return listener, family


def encode_taken(number: int) -> bytes:
    """Return the message TAKEN for a number of connections."""
    return _TAKEN.pack(TAKEN, number)


def decode_taken(message: bytes) -> int:
    """Return the number of connections of a message TAKEN."""
    _, number = _TAKEN.unpack(message)
    return int(number)


def encode_drain(seconds: float) -> bytes:
    """Return the message DRAIN for the seconds that are left."""
    return _DRAIN.pack(DRAIN, seconds)


def decode_drain(message: bytes) -> float:
    """Return the seconds of a message DRAIN."""
    _, seconds = _DRAIN.unpack(message)
    return float(seconds)


class ControlSocket(FileDescriptor):
    """An end of a control socket: calls ``received`` with each message, and ``lost`` at its end.

    The messages that come have at most ``longest`` bytes.
    """

    def __init__(
        self,
        end: socket.socket,
        received: Received,
        lost: Callable[[], None],
        reactor: ReactorCore,
        longest: int = MAX_QUESTION,
    ) -> None:
        super().__init__(reactor)
        self._longest = longest
        end.setblocking(False)
        self._end = end
        self._received = received
        self._lost = lost
        self.connected = 1
        self.startReading()

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: bytes, *files: int) -> bool:
        """Send a message. Return False if the other end has gone, or has too much to read."""
        rights = []
        if files:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        try:
            self._end.sendmsg([message], rights)
        except OSError:
            return False
        return True

    @property
    def is_read(self) -> bool:
        """True once the other end has read all that was sent: there is room for a long message."""
        waiting = fcntl.ioctl(self._end, termios.TIOCOUTQ, bytes(_INT.size))
        return not _INT.unpack(waiting)[0]

    @property
    def is_open(self) -> bool:
        """True while the other end is open. Nobody has another copy of it: its process lives."""
        if self.disconnected:
            return False
        poll = select.poll()
        poll.register(self._end, 0)  # POLLHUP is always told
        return not poll.poll(0)

    def doRead(self) -> Exception | None:
        for _ in range(_BATCH):
            try:
                if not self._receive():
                    return CONNECTION_DONE
            except BlockingIOError:
                return None
            if self.disconnected:
                return None
        return None

    def drain(self) -> None:
        """Take the messages that have come, and the reactor has not read yet."""
        with suppress(BlockingIOError):
            while not self.disconnected and self._receive():
                pass

    def _receive(self) -> bool:
        """Take a message. Return False at the end. Raises BlockingIOError if none has come."""
        try:
            message, files, _, _ = self._read()
        except BlockingIOError:
            raise
        except OSError:
            return False
        if message:
            self._received(message, files)
        return bool(message)

    def _read(self) -> tuple[bytes, list[int], int, object]:
        """Read a message.

        An end that has closed without reading everything is an error, which the kernel tells once,
        and before the messages that have come from there.
        """
        try:
            return socket.recv_fds(self._end, self._longest, 1)
        except ConnectionResetError:
            return socket.recv_fds(self._end, self._longest, 1)

    def close(self) -> None:
        """Close this end. ``lost`` is not called."""
        self._lost = lambda: None
        if not self.disconnected:
            self.stopReading()
            self.connectionLost(Failure(CONNECTION_DONE))

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self._end.close()
        self._lost()
