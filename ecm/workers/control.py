"""The socket between the supervisor and a worker, both ends. One message is one packet of it.

    supervisor to worker: a connection, with the number of its door, and its address family;
                          DRAIN, HURRY
    worker to supervisor: how many connections it was given, how many are open now, and how many of
                          these would make way for others, where it is full; LEAVING

A connection goes along as a file descriptor (SCM_RIGHTS, unix(7)).
"""

import array
import socket
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.abstract import FileDescriptor
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

DRAIN: Final = b"drain"
HURRY: Final = b"hurry"
LEAVING: Final = b"leaving"

# Bytes of the longest message, and messages that are read at a time.
_MAX_MESSAGE: Final = 64
_AT_ONCE: Final = 100

# What a connection is sent as: the number of its door in two bytes, and its address family.
CONNECTION_SIZE: Final = 3

Received = Callable[[bytes, list[int]], None]


def pair() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new channel."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def connection_message(door: int, family: int) -> bytes:
    return door.to_bytes(2) + bytes((family,))


class Channel(FileDescriptor):
    """An end of a channel: calls ``received`` with each message, and ``lost`` at its end."""

    def __init__(
        self, end: socket.socket, received: Received, lost: Callable[[], None], reactor: Any
    ) -> None:
        super().__init__(reactor)
        end.setblocking(False)
        self._end = end
        self._received = received
        self._lost = lost
        self.connected = 1
        self.startReading()

    def fileno(self) -> int:
        return self._end.fileno()

    def send(self, message: bytes, connection: int | None = None) -> bool:
        """Send a message. False if the other end has too much to read already, or has gone."""
        rights = []
        if connection is not None:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection]))]
        try:
            self._end.sendmsg([message], rights)
        except OSError:
            return False
        return True

    def doRead(self) -> Exception | None:
        for _ in range(_AT_ONCE):
            try:
                message, files, _, _ = socket.recv_fds(self._end, _MAX_MESSAGE, 1)
            except BlockingIOError:
                return None
            except OSError:
                return CONNECTION_DONE
            if not message:
                return CONNECTION_DONE
            self._received(message, files)
            if self.disconnected:
                return None
        return None

    def close(self) -> None:
        """Close this end; ``lost`` is not called."""
        self._lost = lambda: None
        if not self.disconnected:
            self.stopReading()
            self.connectionLost(Failure(CONNECTION_DONE))

    def connectionLost(self, reason: Failure) -> None:
        super().connectionLost(reason)
        self._end.close()
        self._lost()
