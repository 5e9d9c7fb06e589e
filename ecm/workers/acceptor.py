"""Accepts connections and gives them away."""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from ecm.limits import ACCEPT_BATCH, ACCEPT_RETRY

_log = Logger()

# Is given a connection's address family and file descriptor; whether somebody has taken it.
Give = Callable[[int, int], bool]


class Acceptor(FileDescriptor):
    """Accepts on a port of Twisted's, in its place. Begins with ``startReading``."""

    def __init__(self, port: Any, give: Give, reactor: Any) -> None:
        super().__init__(reactor)
        port.stopReading()
        self._clock = reactor
        self._port = port
        self._give = give
        self._untaken: socket.socket | None = None

    def fileno(self) -> int:
        return int(self._port.fileno())

    def doRead(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                connection, _ = self._port.socket.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                _log.warn("connections have to wait: {error}", error=error)
                self._pause()
                return
            if not self._give(self._port.addressFamily, connection.fileno()):
                self._untaken = connection
                self._pause()
                return
            connection.close()

    def close(self) -> Deferred[None]:
        """Stop listening."""
        self.stopReading()
        if self._untaken is not None:
            self._untaken.close()
        return maybeDeferred(self._port.stopListening)

    def _pause(self) -> None:
        self.stopReading()
        self._clock.callLater(ACCEPT_RETRY, self._go_on)

    def _go_on(self) -> None:
        if self._port.disconnecting or not self._port.connected:
            return
        if self._untaken is not None:
            if not self._give(self._port.addressFamily, self._untaken.fileno()):
                self._pause()
                return
            self._untaken.close()
            self._untaken = None
        self.startReading()
