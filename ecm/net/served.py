"""The transports of clients' connections: Twisted's, in less memory.

Nearly all connections wait, a million of them at once. Of each Twisted keeps names for the log, the
method that tells the file descriptor, the address as a tuple and as text, an empty list for what is
to be sent, and a socket that counts who has made a file of it. Here the address is kept once, as
the text that ejabberd gets, and all else is made when it is asked for.
"""

import _socket
import socket
from collections.abc import Callable
from errno import EWOULDBLOCK
from typing import Any, Final

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.main import CONNECTION_LOST

from ecm.limits import READ_SIZE
from ecm.link.message import peer_text
from ecm.net.reactor import ReactorCore
from ecm.net.transport import unmapped

# What a connection has from its start, and what it gets when the kernel does not take all at once,
# or a producer is registered.
_ATTRIBUTES: Final = (
    *("reactor", "_tempDataLen", "socket", "protocol", "server", "peer_text", "connected"),
    *("dataBuffer", "offset", "producer", "streamingProducer", "producerPaused", "_pieces"),
)
_LOCAL_ATTRIBUTES: Final = (*_ATTRIBUTES, "_sendmsgQueue")


def _made(make: Callable[[Any], Any]) -> Any:
    """Return an attribute that is made whenever it is asked for. What Twisted sets is not kept."""

    def ignore(*_: object) -> None:
        pass

    return property(make, ignore, ignore)


def _fileno(transport: Any) -> Callable[[], int]:
    """Return what tells the file descriptor: -1 once the connection has closed, as Twisted does."""
    own = getattr(transport, "socket", None)
    tells: Callable[[], int] = own.fileno if own is not None else lambda: -1
    return tells


def _address(kind: Any, *address: Any) -> IPv4Address | IPv6Address:
    return IPv4Address(kind, *address) if len(address) == 2 else IPv6Address(kind, *address)


class _Lean:
    """Replaces what Twisted's transports keep of a connection. What they set here is not kept."""

    _pieces: list[bytes] | None = None
    # As ``text_of`` says.
    peer_text: bytes | tuple[Any, ...]

    fileno: Any = _made(_fileno)
    hostname: Any = _made(lambda self: self.client[0])
    logstr: Any = _made(lambda self: "client")
    repstr: Any = _made(lambda self: "client")
    sessionno: Any = _made(lambda self: 0)

    @property
    def client(self) -> Any:
        """The address of the client, as a socket tells it."""
        text = self.peer_text
        return address_in(text) if isinstance(text, bytes) else text

    @client.setter
    def client(self, address: tuple[Any, ...]) -> None:
        self.peer_text = text_of(address)

    @property
    def _tempDataBuffer(self) -> Any:
        """Pieces that were written and not sent yet: a list while there are any."""
        if self._pieces is None:
            self._pieces = []
        return self._pieces

    @_tempDataBuffer.setter
    def _tempDataBuffer(self, pieces: list[bytes]) -> None:
        self._pieces = pieces or None


class ServedConnection(_Lean, tcp.Server):
    """A TCP connection that was accepted."""

    def __init__(self, sock: socket.socket, *arguments: Any) -> None:
        plain: Any = _socket.socket(sock.family, sock.type, sock.proto, sock.fileno())
        sock.detach()  # behind that: where memory is short, its file would stay open
        super().__init__(plain, *arguments)

    def doRead(self) -> Any:
        """Read as Twisted does, but not as much at a time."""
        try:
            data = self.socket.recv(min(self.bufferSize, READ_SIZE))
        except OSError as error:
            return None if error.errno == EWOULDBLOCK else CONNECTION_LOST
        return self._dataReceived(data)

    _addressType: Any = _made(lambda self: _address)


class ServedLocally(_Lean, unix.Server):
    """A connection to a UNIX socket that was accepted."""


def text_of(address: tuple[Any, ...]) -> bytes | tuple[Any, ...]:
    """Return an address as ejabberd is told of it, which takes less memory. One of IPv4 is one,
    also on a port for both families.

    One of IPv6 that has more than host and port stays as it is, and so does the name of a UNIX
    socket, which is with no port.
    """
    host, port, *more = address
    if port is None or any(more) or "%" in host:
        return address
    return peer_text(unmapped(host), port)


def address_in(text: bytes) -> tuple[Any, ...]:
    """Return the address of which ``text_of`` has made a text."""
    host, _, port = text.decode().rpartition(":")
    if host.startswith("["):
        return host[1:-1], int(port), 0, 0
    return host, int(port)


def share_attributes() -> None:
    """Tell Python which attributes the transports of clients may get. Before there is the first.

    The instances of a class share one table of names. CPython closes it after the first of them,
    and one that then gets a further attribute has a table of its own: 600 bytes more, for good.
    """
    kinds: dict[Any, tuple[str, ...]] = {
        ServedConnection: _ATTRIBUTES,
        ServedLocally: _LOCAL_ATTRIBUTES,
    }
    for kind, names in kinds.items():
        first = kind.__new__(kind)
        for name in names:
            setattr(first, name, None)


def serving(port: IListeningPort) -> IListeningPort:
    """Have the connections of a port be such; return the port."""
    listening: Any = port
    if (lean := _LEAN.get(getattr(listening, "transport", None))) is not None:
        listening.transport = lean
    return port


_LEAN: Final[dict[Any, Any]] = {tcp.Server: ServedConnection, unix.Server: ServedLocally}


def adopt(reactor: ReactorCore, connection: int, family: int, factory: IProtocolFactory) -> None:
    """Serve a connection, a file descriptor, which is duplicated. Raises OSError if it has closed.

    The reactor's own method makes Twisted's transports.
    """
    if family == socket.AF_UNIX:
        made: Any = ServedLocally
        made._fromConnectedSocket(connection, factory, reactor)
    else:
        made = ServedConnection
        made._fromConnectedSocket(connection, family, factory, reactor)
