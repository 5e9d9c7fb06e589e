"""The sockets of clients and links, all of them as one to the reactor.

Twisted's reactor goes through a dozen calls for each socket on which something has come, and waits
until a socket can be written to before it sends anything. Here those that are ready are read one
after the other; and what has been written meanwhile, to the link above all, is sent after that, in
one piece. Only a socket that does not take everything is left to the reactor.
"""

from collections.abc import Callable
from select import EPOLLIN, epoll
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.net.transport import IStreamTransport, below_tls, takes_directly

_log = Logger()


@implementer(IReadDescriptor)
class Sockets:
    """Takes the place of the reactor for the transports that it is given.

    It is an epoll of its own, which the reactor waits for as for one socket (epoll(7)).
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._epoll = epoll()
        # By file descriptor: small numbers, for which a dict would take eight times as much.
        self._readers: list[Any] = []
        # What has something to send, while sockets are read: a turn.
        self._writers: dict[Any, None] = {}
        self._in_turn = False
        self.callLater = reactor.callLater

    def start(self) -> None:
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Let the reactor wait no more. There must be no transports left."""
        self._reactor.removeReader(self)
        self._epoll.close()

    def adopt(self, transport: IStreamTransport) -> None:
        """Read and write a transport from now on, if it has a socket."""
        wire: Any = below_tls(transport)
        if takes_directly(wire):
            wire.stopReading()
            wire.reactor = self
            wire.startReading()

    # What transports want of a reactor.

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
        if self._in_turn:
            self._writers[writer] = None
        else:
            self._reactor.addWriter(writer)

    def removeWriter(self, writer: Any) -> None:
        self._writers.pop(writer, None)
        self._reactor.removeWriter(writer)

    # What the reactor wants of a socket.

    def fileno(self) -> int:
        return self._epoll.fileno()

    def logPrefix(self) -> str:
        return "sockets"

    def connectionLost(self, reason: Failure) -> None:
        """The reactor ends, and tells all that it knows of."""
        for reader in filter(None, tuple(self._readers)):
            reader.connectionLost(reason)

    def doRead(self) -> None:
        self._in_turn = True
        try:
            self._turn()
        finally:
            self._in_turn = False
            self._leave_to_reactor()

    def _turn(self) -> None:
        """Read all that have received something, then write what there is to be sent."""
        for number, _ in self._epoll.poll(0):
            reader = self._readers[number]
            if reader is not None:  # else it was closed, or paused, by one before it
                why = _do(reader.doRead)
                if why is not None:
                    self._ended(reader, why)
        for writer in tuple(self._writers):
            if writer in self._writers:
                why = _do(writer.doWrite)
                if why is not None:
                    writer.connectionLost(Failure(why))

    def _ended(self, reader: Any, why: BaseException) -> None:
        """Tell of an end of the other side, which may be no end of the connection."""
        if why.__class__ is ConnectionDone:
            self.removeReader(reader)
            reader.readConnectionLost(Failure(why))
        else:
            reader.connectionLost(Failure(why))

    def _leave_to_reactor(self) -> None:
        """What is not sent yet goes on as soon as there is room for it."""
        writers, self._writers = self._writers, {}
        for writer in writers:
            self._reactor.addWriter(writer)


def _do(act: Callable[[], BaseException | None]) -> BaseException | None:
    """Read or write; return why a connection has ended by that, or an error of ours."""
    try:
        return act()
    except Exception as error:
        _log.failure("a connection is closed, because of an error in ECM")
        return error
