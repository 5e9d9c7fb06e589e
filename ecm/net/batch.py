"""Batched I/O: one nested epoll for all sockets, served in turns.

Twisted's reactor makes a dozen calls for each readable socket, and waits until a socket is writable
before it sends anything. Here all readable sockets are read one after the other; then what was
written meanwhile is sent, and what was left for the end of the turn is done: all requests go over
the link in one piece. Only a socket that does not take everything is left to the reactor.
"""

from collections.abc import Callable
from select import EPOLLIN, epoll
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.limits import READ_AT_ONCE
from ecm.net.pace import Pace
from ecm.net.reactor import ReactorCore
from ecm.net.transport import IStreamTransport, has_plain_socket, underlying

_log = Logger()


# Has something done at the end of the turn in which sockets are read, or at once outside of one.
AtEnd = Callable[[Callable[[], None]], None]


def at_once(act: Callable[[], None]) -> None:
    """Do it where nothing is read in turns: an AtEnd."""
    act()


class Readers:
    """The sockets to read. They have an epoll of their own, which tells the ``events`` of each.

    It becomes readable when one of them does (epoll(7)). Once so many as are ``enough`` are read,
    all else has its turn; those that are left come first in the next one.
    """

    def __init__(self, events: int = EPOLLIN, enough: int = READ_AT_ONCE) -> None:
        self.epoll = epoll()
        # By file descriptor: small numbers, for which a dict would take eight times as much.
        self.by_number: list[Any] = []
        self._events = events
        self.enough = enough

    def __contains__(self, reader: Any) -> bool:
        number = reader.fileno()
        return 0 <= number < len(self.by_number) and self.by_number[number] is reader

    def add(self, reader: Any) -> None:
        """Read one from now on."""
        number = reader.fileno()
        self.by_number += [None] * (number + 1 - len(self.by_number))
        if self.by_number[number] is None:
            self.epoll.register(number, self._events)
            self.by_number[number] = reader

    def remove(self, reader: Any) -> None:
        """Read one no more, if it is read."""
        if reader in self:
            number = reader.fileno()
            self.epoll.unregister(number)
            self.by_number[number] = None

    def ready(self) -> list[tuple[int, int]]:
        """Return the file descriptors of those to read now, with the events of each."""
        return self.epoll.poll(0, self.enough)


@implementer(IReadDescriptor)
class BatchedIO:
    """Is the reactor of the transports that it is given, and one file descriptor to the reactor.

    Twisted cannot move a transport to another reactor: ``add`` replaces its attribute ``reactor``.
    """

    def __init__(
        self, reactor: ReactorCore, readers: Readers | None = None, pace: Pace | None = None
    ) -> None:
        self._reactor = reactor
        self.readers = readers or Readers()
        self._pace = pace
        # The transports that were written to during an iteration.
        self.writers: dict[Any, None] = {}
        # What is to be done at the end of the iteration.
        self._at_end: list[Callable[[], None]] = []
        self._in_iteration = False
        self.callLater = reactor.callLater

    def start(self) -> None:
        """Have the reactor read the nested epoll."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Leave the reactor. No transport may be left."""
        self._reactor.removeReader(self)
        self.readers.epoll.close()

    def add(self, transport: IStreamTransport) -> None:
        """Read and write a transport from now on, if it has a plain socket or TLS over one.

        A transport may be added again, as it is when it gets another protocol.
        """
        wire: Any = underlying(transport)
        before = wire.reactor if has_plain_socket(wire) else self
        if before is self:
            return
        is_batched = isinstance(before, BatchedIO)
        is_paused = is_batched and wire not in before.readers
        is_written = is_batched and wire in before.writers
        wire.stopReading()
        wire.reactor = self
        if not is_paused:
            wire.startReading()
        if is_written:
            before.removeWriter(wire)
            self.addWriter(wire)

    def at_end(self, act: Callable[[], None]) -> None:
        """Call ``act`` once all sockets are read, or at once outside of an iteration: an AtEnd."""
        if self._in_iteration:
            self._at_end.append(act)
        else:
            act()

    # Called by transports, as of their reactor.

    def addReader(self, reader: Any) -> None:
        self.readers.add(reader)

    def removeReader(self, reader: Any) -> None:
        self.readers.remove(reader)

    def addWriter(self, writer: Any) -> None:
        if self._in_iteration:
            self.writers[writer] = None
        else:
            self._reactor.addWriter(writer)

    def removeWriter(self, writer: Any) -> None:
        self.writers.pop(writer, None)
        self._reactor.removeWriter(writer)

    # Called by the reactor, as of a socket.

    def fileno(self) -> int:
        return self.readers.epoll.fileno()

    def logPrefix(self) -> str:
        return "batched I/O"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends: tell all transports."""
        for reader in filter(None, tuple(self.readers.by_number)):
            reader.connectionLost(reason)

    def doRead(self) -> None:
        """Read until nothing is readable, or enough is read, or what was read has stopped this.

        After a single one it is not worth to ask: what comes of it is not there yet. Nor is it
        worth to rest behind it, or while more is readable.
        """
        self._in_iteration = True
        enough = self.readers.enough
        total = 0
        try:
            while total < enough and not self.readers.epoll.closed:
                read = self._iteration()
                total += read
                if read < 2:
                    break
        finally:
            self._in_iteration = False
            writers, self.writers = self.writers, {}
            for writer in writers:
                self._reactor.addWriter(writer)  # the rest is sent when the socket is writable
        if self._pace and 1 < total < enough:
            self._pace.keep()

    def _iteration(self) -> int:
        """Read all readable sockets, then send what was written meanwhile; return how many were.

        What is left for the end comes last, since a client that is sent its responses may go on.
        """
        by_number = self.readers.by_number
        ready = self.readers.ready()
        for number, _ in ready:
            reader = by_number[number]
            if reader is None:
                continue  # one before it has closed or paused it
            try:
                why = reader.doRead()
            except Exception as error:
                why = _failed(error)
            if why is not None:
                self._read_ended(reader, why)
        for writer in tuple(self.writers):
            if writer in self.writers:
                try:
                    why = writer.doWrite()
                except Exception as error:
                    why = _failed(error)
                if why is not None:
                    writer.connectionLost(Failure(why))
        for act in self._at_end:
            _end(act)
        self._at_end.clear()
        return len(ready)

    def _read_ended(self, reader: Any, why: BaseException) -> None:
        """Report an end of file, which may be a half-close, or the loss of the connection."""
        if why.__class__ is ConnectionDone:
            self.removeReader(reader)
            reader.readConnectionLost(Failure(why))
        else:
            reader.connectionLost(Failure(why))


def _end(act: Callable[[], None]) -> None:
    """Do what the end of an iteration was left for."""
    try:
        act()
    except Exception:
        _log.failure("error in ECM; going on with the end of the turn")


def _failed(error: Exception) -> Exception:
    """Log an error of ECM, and return it, since it ends the connection."""
    _log.failure("error in ECM; closing the connection on which it happened")
    return error
