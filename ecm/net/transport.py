"""What both sides need of Twisted's transports."""

import fcntl
import socket
import struct
import termios
from typing import Any, Final, cast

from twisted.internet.interfaces import (
    IConsumer,
    IPushProducer,
    ISSLTransport,
    ISystemHandle,
    ITCPTransport,
)
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.tcp import Connection, Server
from twisted.python.failure import Failure

# In Linux's struct tcp_info: tcpi_bytes_acked, and what stands before it.
_BYTES_ACKED: Final = struct.Struct("=120xQ")
_INT: Final = struct.Struct("i")


class IStreamTransport(ITCPTransport, IPushProducer, IConsumer, ISystemHandle):
    """What Twisted's stream transports are, TCP and TLS alike."""


def peer_of(transport: IStreamTransport) -> tuple[str, int]:
    """Return address and port of a connection's other end; a UNIX socket has neither."""
    address = transport.getPeer()
    return getattr(address, "host", ""), getattr(address, "port", 0)


def below_tls(transport: IStreamTransport) -> IStreamTransport:
    """Return the transport that has the socket."""
    if ISSLTransport.providedBy(transport):
        tls: Any = transport
        return cast(IStreamTransport, tls.transport)
    return transport


def takes_directly(transport: IStreamTransport) -> bool:
    """Return whether ``send`` may be used: what is written goes to a socket as it is."""
    return isinstance(transport, Connection)


def send(transport: IStreamTransport, data: bytes) -> bytes:
    """Give data to the kernel at once, and return what it has not taken.

    Nothing may wait in the transport. Twisted would first wait until the socket can be written to,
    which costs more than the sending. An error is not told: the transport meets it with the rest.
    """
    handle: Any = transport.getHandle()
    try:
        return data[handle.send(data) :]
    except OSError:
        return data


def unsent(transport: IStreamTransport) -> int:
    """Return how many bytes wait in the transport that has the socket."""
    wire: Any = below_tls(transport)
    return len(wire.dataBuffer) - int(wire.offset) + int(wire._tempDataLen)


def kernel_queue(transport: IStreamTransport) -> tuple[int, int]:
    """Return how many bytes the other end has taken, and how many the kernel has for it (tcp(7)).

    Both are 0 where there is no TCP, or no connection any more.
    """
    wire: Any = below_tls(transport)
    if not isinstance(wire, Connection) or not wire.connected:
        return 0, 0
    handle: socket.socket = wire.getHandle()
    try:
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
        queued = fcntl.ioctl(handle, termios.TIOCOUTQ, bytes(_INT.size))
    except OSError:
        return 0, 0
    return _BYTES_ACKED.unpack(info)[0], _INT.unpack(queued)[0]


def close(transport: IStreamTransport) -> None:
    """Close a socket at once, and not when the reactor comes to it; what waits is not sent."""
    wire: Any = below_tls(transport)
    wire.connectionLost(Failure(CONNECTION_DONE))


def forget_names(transport: IStreamTransport) -> None:
    """Let a connection have no names of its own for Twisted's log: they are 200 bytes each."""
    if isinstance(transport, Server):
        transport.logstr = transport.repstr = "client"
