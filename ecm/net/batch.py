"""Batched I/O: one nested epoll for all sockets, served once per reactor iteration.

Twisted's reactor makes a dozen calls for each readable socket, and waits until a socket is writable
before it sends anything. Here all readable sockets are read one after the other; then whatever was
written meanwhile, to the link above all, is sent in one piece. Only a socket that does not take
everything is left to the reactor.
"""

from collections.abc import Callable
from select import EPOLLIN, epoll
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.net.reactor import ReactorCore
from ecm.net.transport import IStreamTransport, has_plain_socket, underlying

_log = Logger()


@implementer(IReadDescriptor)
class BatchedIO:
    """Is the reactor of the transports that it is given, and one file descriptor to the reactor.

    It has an epoll of its own, which becomes readable when one of its sockets does (epoll(7)).
    Twisted cannot move a transport to another reactor: ``add`` replaces its attribute ``reactor``.
    """

    def __init__(self, reactor: ReactorCore) -> None:
        self._reactor = reactor
        self._epoll = epoll()
        # By file descriptor: small numbers, for which a dict would take eight times as much.
        self._readers: list[Any] = []
        # The transports that were written to during an iteration.
        self._writers: dict[Any, None] = {}
        self._in_iteration = False
        self.callLater = reactor.callLater

    def start(self) -> None:
        """Have the reactor read the nested epoll."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Leave the reactor. No transport may be left."""
        self._reactor.removeReader(self)
        self._epoll.close()

    def add(self, transport: IStreamTransport) -> None:
        """Read and write a transport from now on, if it has a plain socket or TLS over one.

        A transport may be added again, as it is when it gets another protocol.
        """
        wire: Any = underlying(transport)
        if has_plain_socket(wire) and wire.reactor is not self:
            wire.stopReading()
            wire.reactor = self
            wire.startReading()

    # Called by transports, as of their reactor.

    def addReader(self, reader: Any) -> None:
        number = reader.fileno()
        self._readers += [None] * (number + 1 - len(self._readers))
        if self._readers[number] is None:
            self._epoll.register(number, EPOLLIN)
            self._readers[number] = reader

    def removeReader(self, reader: Any) -> None:
        number = reader.fileno()
        if number < len(self._readers) and self._readers[number] is reader:
            self._epoll.unregister(number)
            self._readers[number] = None

    def addWriter(self, writer: Any) -> None:
        if self._in_iteration:
            self._writers[writer] = None
        else:
            self._reactor.addWriter(writer)

    def removeWriter(self, writer: Any) -> None:
        self._writers.pop(writer, None)
        self._reactor.removeWriter(writer)

    # Called by the reactor, as of a socket.

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "batched I/O"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends: tell all transports."""
        for reader in filter(None, tuple(self._readers)):
            reader.connectionLost(reason)

    def doRead(self) -> None:
        self._in_iteration = True
        try:
            self._iteration()
        finally:
            self._in_iteration = False
            self._leave_to_reactor()

    def _iteration(self) -> None:
        """Read all readable sockets, then send what was written meanwhile."""
        for number, _ in self._epoll.poll(0):
            reader = self._readers[number]
            if reader is not None:  # otherwise one before it has closed or paused it
                why = _do(reader.doRead)
                if why is not None:
                    self._read_ended(reader, why)
        for writer in tuple(self._writers):
            if writer in self._writers:
                why = _do(writer.doWrite)
                if why is not None:
                    writer.connectionLost(Failure(why))

    def _read_ended(self, reader: Any, why: BaseException) -> None:
        """Report an end of file, which may be a half-close, or the loss of the connection."""
        if why.__class__ is ConnectionDone:
            self.removeReader(reader)
            reader.readConnectionLost(Failure(why))
        else:
            reader.connectionLost(Failure(why))

    def _leave_to_reactor(self) -> None:
        """Let the reactor send the rest when the sockets are writable."""
        writers, self._writers = self._writers, {}
        for writer in writers:
            self._reactor.addWriter(writer)


def _do(act: Callable[[], BaseException | None]) -> BaseException | None:
    """Read or write. Return the error that ends the connection, one of ECM included, or None."""
    try:
        return act()
    except Exception as error:
        _log.failure("error in ECM; closing the connection on which it happened")
        return error
