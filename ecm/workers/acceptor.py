"""Accepts connections and gives them to workers."""

import socket
from collections.abc import Callable

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ecm.limits import ACCEPT_BATCH, ACCEPT_RETRY, BACKLOG, LOG_INTERVAL
from ecm.net.listening import DetachedPort
from ecm.net.reactor import ReactorCore

_log = Logger()

# Takes the address family and the file descriptor of a connection. False if no worker takes it.
Assign = Callable[[int, int], bool]


class Acceptor(FileDescriptor):
    """Accepts on a port. Begins with ``startReading``."""

    def __init__(self, port: DetachedPort, assign: Assign, reactor: ReactorCore) -> None:
        super().__init__(reactor)
        self._reactor = reactor
        self.port = port
        self._assign = assign
        self._pending: socket.socket | None = None  # accepted, and taken by no worker yet
        self._retry: IDelayedCall | None = None
        self._silent_until = 0.0

    @property
    def is_paused(self) -> bool:
        """True while it waits, because nobody takes connections, or the kernel gives none."""
        return self._retry is not None

    def fileno(self) -> int:
        return self.port.fileno()

    def doRead(self) -> None:
        for _ in range(ACCEPT_BATCH):
            try:
                connection = self.port.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                self._say(error)
                self._pause()
                return
            if not self._assign(self.port.family, connection.fileno()):
                self._pending = connection
                self._pause()
                return
            connection.close()

    def accept_waiting(self) -> None:
        """Assign the connections that wait: closing the port would reset them."""
        for _ in range(BACKLOG // ACCEPT_BATCH):
            if self._pending is not None:
                return
            self.doRead()

    def close(self) -> None:
        """Stop listening. A connection that no worker has taken yet is closed."""
        self.stopReading()
        if self._retry is not None:
            self._retry.cancel()
        if self._pending is not None:
            self._pending.close()
        self.port.close()

    def _say(self, error: OSError) -> None:
        """Log why nobody is accepted: once in a while, since that may go on for hours."""
        now = self._reactor.seconds()
        if now < self._silent_until:
            return
        self._silent_until = now + LOG_INTERVAL
        _log.warn(
            "accept() failed: {error}; retrying in {pause:.0f} ms",
            error=error,
            pause=ACCEPT_RETRY * 1000,
        )

    def _pause(self) -> None:
        self.stopReading()
        self._retry = self._reactor.callLater(ACCEPT_RETRY, self._resume)

    def _resume(self) -> None:
        self._retry = None
        if self._pending is not None:
            if not self._assign(self.port.family, self._pending.fileno()):
                self._pause()
                return
            self._pending.close()
            self._pending = None
        self.startReading()
