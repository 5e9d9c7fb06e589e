"""Listening ports and endpoints: what Twisted's interfaces do not offer of them."""

import os
import select
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import tcp
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.main import CONNECTION_DONE
from twisted.python.failure import Failure

from ecm.limits import BACKLOG, SEND_BUFFER


def socket_of(port: IListeningPort) -> socket.socket:
    """Return the socket of a port. IListeningPort does not name it; Twisted's ports do."""
    listening: Any = port
    handle: socket.socket = listening.socket
    return handle


def bound_send_buffer(port: IListeningPort) -> IListeningPort:
    """Give the port's connections a send buffer (SO_SNDBUF) of SEND_BUFFER bytes; return the port.

    Linux passes that of the listening socket on to each connection (socket(7)): setting it on each
    would be one more system call. Twisted's endpoints have no option for it.
    """
    socket_of(port).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    return port


def is_waited_at(listening: socket.socket) -> bool:
    """Return whether a connection waits to be accepted."""
    poll = select.poll()
    poll.register(listening, select.POLLIN)
    return bool(poll.poll(0))


def close_port(port: IListeningPort) -> Deferred[None]:
    """Close a port, and remove a UNIX socket's file. IListeningPort returns a Deferred, or None."""
    stop: Callable[[], Any] = port.stopListening
    return maybeDeferred(stop)


def close_at_once(port: IListeningPort) -> None:
    """Close a port now, and not in the next turn of the reactor, as ``stopListening`` does."""
    closing: Any = port
    closing.stopReading()
    closing.connectionLost(Failure(CONNECTION_DONE))


def close_behind_waiting(port: IListeningPort) -> None:
    """Accept the connections that wait, as the reactor does, and close the port.

    Those that wait when a port is closed are reset. Clients that come without a pause are not
    waited for.
    """
    accepting: Any = port
    rounds = BACKLOG
    while rounds and is_waited_at(socket_of(port)):
        accepting.doRead()
        rounds -= 1
    close_at_once(port)


class DetachedPort:
    """A listening port that the reactor does not accept on: whoever has it accepts.

    Twisted's ports make a transport and a protocol of each connection, and cannot give away the
    socket instead. ``family`` is the address family of the connections.
    """

    def __init__(self, port: IListeningPort) -> None:
        detached: Any = port
        detached.stopReading()
        self._port = port
        self.family: int = detached.addressFamily

    def fileno(self) -> int:
        return socket_of(self._port).fileno()

    def accept(self) -> socket.socket:
        """Return the socket of the next connection. Raises OSError, as socket.accept does."""
        connection, _ = socket_of(self._port).accept()
        return connection

    def set_backlog(self, backlog: int) -> None:
        """Let so many connections wait from now on (listen(2), again). Raises OSError."""
        socket_of(self._port).listen(backlog)

    def set_mode(self, mode: int) -> None:
        """Give the file of a UNIX socket other rights. Raises OSError."""
        os.chmod(socket_of(self._port).getsockname(), mode)

    def close(self) -> None:
        """Close the port."""
        close_at_once(self._port)


class _SharedPort(tcp.Port):
    def createInternetSocket(self) -> socket.socket:
        made: socket.socket = super().createInternetSocket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        return made


class SharedPorts:
    """A reactor whose TCP ports other processes of the same user may open as well (socket(7)).

    Twisted's endpoints have no option for it.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> tcp.Port:
        shared = _SharedPort(port, factory, backlog, interface, self._reactor)
        shared.startListening()
        return shared


class FactoryRecorder:
    """A reactor on which endpoints do not listen: it keeps the factory that they would listen with.

    Between the factory that an endpoint is given and the connections there may be more, as TLS.
    Twisted's endpoints make that when they listen, and offer no way to get it without a port.
    """

    def __init__(self) -> None:
        self._factory: IProtocolFactory | None = None

    def factory(self) -> IProtocolFactory:
        """Return the factory of the endpoint that listened last."""
        assert self._factory is not None, "no endpoint has listened"
        return self._factory

    # Called by endpoints, as of their reactor.

    def listenTCP(
        self, port: int, factory: IProtocolFactory, *_: Any, **__: Any
    ) -> "FactoryRecorder":
        self._factory = factory
        return self

    def listenUNIX(
        self, path: str, factory: IProtocolFactory, *_: Any, **__: Any
    ) -> "FactoryRecorder":
        self._factory = factory
        return self
