"""Stream transports, TCP and TLS alike: what Twisted's interfaces do not offer of them."""

import fcntl
import socket
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

import attrs
from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import (
    IConsumer,
    IProtocol,
    IPushProducer,
    ISSLTransport,
    ISystemHandle,
    ITCPTransport,
)
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

from ecm.limits import KEEP_ALIVES, PING_AFTER, PONG_TIMEOUT, SPARING_READ

# In Linux's struct tcp_info: tcpi_bytes_acked, and what stands before it.
_BYTES_ACKED: Final = struct.Struct("=120xQ")
_INT: Final = struct.Struct("i")

# The same for tcpi_last_data_sent, tcpi_last_data_recv, both in milliseconds, and tcpi_rtt, in
# microseconds.
_WHEN: Final = struct.Struct("=44xI4xI12xI")

_KEEP_ALIVE: Final = (
    (socket.TCP_KEEPIDLE, PING_AFTER),
    (socket.TCP_KEEPINTVL, PONG_TIMEOUT // KEEP_ALIVES),
    (socket.TCP_KEEPCNT, KEEP_ALIVES),
)

# The beginning of an IPv6 address that is one of IPv4 (RFC 4291, section 2.5.5.2).
_MAPPED: Final = "::ffff:"

# The label for channel bindings (RFC 9266, section 4.2).
_BINDING: Final = b"EXPORTER-Channel-Binding"


# Writes data to a transport in which nothing waits that was written to it. Returns how many bytes
# wait there then: 0 if the kernel took all.
WriteNow = Callable[[Any, bytes], int]


class IStreamTransport(ITCPTransport, IPushProducer, IConsumer, ISystemHandle):
    """All interfaces of Twisted's stream transports. Twisted has no name for the sum."""


def peer_of(transport: IStreamTransport) -> tuple[str, int]:
    """Return address and port of the other end, "" and 0 on a UNIX socket.

    An address of IPv4 is one, also on a port for both families.
    """
    address = transport.getPeer()
    return unmapped(getattr(address, "host", "")), getattr(address, "port", 0)


def unmapped(host: str) -> str:
    """Return an address as it is meant: what the kernel tells on a port for both families may be
    one of IPv4."""
    of_ipv4 = host.removeprefix(_MAPPED)
    return of_ipv4 if "." in of_ipv4 else host


def underlying(transport: IStreamTransport) -> IStreamTransport:
    """Return the transport that has the socket: below TLS, if there is TLS.

    ISSLTransport does not name it; Twisted's TLS keeps it as ``transport``.
    """
    if ISSLTransport.providedBy(transport):
        tls: Any = transport
        return cast(IStreamTransport, tls.transport)
    return transport


def negotiated(transport: IStreamTransport) -> bytes:
    """Return the protocol that was agreed on in the TLS handshake (ALPN, RFC 7301), or b""."""
    return getattr(transport, "negotiatedProtocol", None) or b""


def read_sparingly(sparingly: bool) -> None:
    """Have all TCP connections take less memory for what they read and write at a time, or not.

    Twisted allocates 64 kB before it reads anything. Where so much is not left, a connection that
    has twenty bytes to read would end.
    """
    if sparingly:
        Connection.bufferSize = SPARING_READ
    else:
        Connection.bufferSize = FileDescriptor.bufferSize


def keep_alive(transport: IStreamTransport) -> None:
    """Have the kernel ask whether the other end of a TCP connection is still there (tcp(7)).

    For protocols without a question of their own for that.
    """
    wire: Any = underlying(transport)
    if not isinstance(wire, Connection):
        return
    handle: socket.socket = wire.getHandle()
    with suppress(OSError):  # it has closed, or is a UNIX socket
        for name, value in _KEEP_ALIVE:
            handle.setsockopt(socket.IPPROTO_TCP, name, value)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def send_at_once(transport: IStreamTransport) -> None:
    """Have the kernel send what it is given at once (TCP_NODELAY, tcp(7)).

    Otherwise a message right behind another waits until the other end has acknowledged that one,
    which may take 40 ms. Where each message is an answer, none is behind another.
    """
    wire: Any = underlying(transport)
    if isinstance(wire, Connection):
        with suppress(OSError):  # it has closed, or is a UNIX socket
            wire.getHandle().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def channel_binding(transport: IStreamTransport) -> bytes:
    """Return the bytes that a login over TLS can be bound by: ``tls-exporter`` (RFC 9266).

    To be asked while the protocol is told of the handshake: lean TLS does not keep them. b""
    without TLS, and with an older one than TLS 1.3.
    """
    if not ISSLTransport.providedBy(transport):
        return b""
    tls: Any = transport
    binding: bytes = tls.exported if hasattr(tls, "exported") else exported(tls.getHandle())
    return binding


def exported(connection: Any) -> bytes:
    """Return the same for a connection of pyOpenSSL, which may be missing."""
    if connection.get_protocol_version_name() != "TLSv1.3":
        return b""
    material: bytes = connection.export_keying_material(_BINDING, 32)
    return material


def held_by_tls(transport: IStreamTransport) -> int:
    """Return the bytes that TLS holds: a record that is not whole, or what waits for a handshake.

    0 without TLS, and where OpenSSL has the records, as it does not say.
    """
    held: int = getattr(transport, "held_by_tls", 0)
    return held


def tls_error(reason: Failure) -> str:
    """Return why OpenSSL has ended a connection; "" where something else has.

    pyOpenSSL, which may be missing, puts what OpenSSL has said into the error as tuples.
    """
    error: Any = reason.value
    if type(error).__module__ != "OpenSSL.SSL":
        return ""
    said = error.args[0] if error.args else ()
    return said[-1][-1] if isinstance(said, list) and said else type(error).__name__


def has_plain_socket(transport: IStreamTransport) -> bool:
    """Return whether bytes go to a socket as they are, so that ``send_now`` may be used."""
    return isinstance(transport, Connection)


def write_now_of(transport: IStreamTransport) -> WriteNow | None:
    """Return how data is written past the buffer of a transport, or None if it cannot be.

    Where there is TLS, it must be lean and stand.
    """
    if has_plain_socket(transport):
        return send_now
    if getattr(transport, "has_records", False) and has_plain_socket(underlying(transport)):
        write_now: WriteNow = type(transport).write_now  # type: ignore[attr-defined]
        return write_now
    return None


def write_through(transport: IStreamTransport, data: bytes) -> None:
    """Write data: to the kernel at once if it can be and nothing waits before it.

    To a connection that has closed nothing is written.
    """
    wire: Any = transport
    if has_plain_socket(transport) and wire.connected and not unsent(transport):
        send_now(transport, data)
    else:
        transport.write(data)


def send_now(transport: Any, data: bytes) -> int:
    """Write data to the socket at once, as WriteNow says. There must be a plain one.

    Twisted's ``write`` first waits until the socket is writable, which costs more than the sending.
    Errors are not raised: the transport meets them when it is given the rest.
    """
    try:
        sent: int = transport.socket.send(data)
    except OSError:
        sent = 0
    if sent == len(data):
        return 0
    transport.write(data[sent:])
    return len(data) - sent


def unsent(transport: IStreamTransport) -> int:
    """Return how many bytes wait in the transport that has the socket.

    Twisted tells a producer only whether it is more than 64 kB.
    """
    wire: Any = underlying(transport)
    return len(wire.dataBuffer) - int(wire.offset) + int(wire._tempDataLen)


def kernel_queue(transport: IStreamTransport) -> tuple[int, int]:
    """Return how many bytes the other end has acknowledged, and how many the kernel holds (tcp(7)).

    Both are 0 without TCP, and on a connection that has closed.
    """
    wire: Any = underlying(transport)
    if not isinstance(wire, Connection) or not wire.connected:
        return 0, 0
    handle: socket.socket = wire.getHandle()
    try:
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
        queued = fcntl.ioctl(handle, termios.TIOCOUTQ, bytes(_INT.size))
    except OSError:
        return 0, 0
    return _BYTES_ACKED.unpack(info)[0], _INT.unpack(queued)[0]


@attrs.frozen
class Wire:
    """A connection as the kernel sees it: the seconds since data was sent, and since data came; the
    round-trip time to the other end, in seconds; and the bytes that this has yet to take."""

    sent: float
    came: float
    round_trip: float
    outstanding: int


def wire_of(transport: IStreamTransport) -> Wire | None:
    """Return what the kernel knows of a connection. None without TCP, and on one that has closed.

    It knows it anyway: a connection that is held keeps no time of its own.
    """
    wire: Any = underlying(transport)
    if not isinstance(wire, Connection) or not wire.connected:
        return None
    handle: socket.socket = wire.getHandle()
    try:
        info = handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _WHEN.size)
    except OSError:
        return None
    sent, came, round_trip = _WHEN.unpack(info)
    _, queued = kernel_queue(transport)
    return Wire(sent / 1e3, came / 1e3, round_trip / 1e6, queued + unsent(transport))


def close_now(transport: IStreamTransport) -> None:
    """Close the socket before this returns. Bytes that wait are not sent.

    Twisted's ``abortConnection`` closes it in a later iteration of the reactor, and until then its
    file descriptor counts as open.
    """
    wire: Any = underlying(transport)
    wire.connectionLost(Failure(CONNECTION_DONE))


def switch_protocol(transport: IStreamTransport, protocol: IProtocol) -> None:
    """Hand a connection over to another protocol, which ``makeConnection`` tells of it.

    Twisted's transports have no method for that; they call whatever is their ``protocol``, or
    ``wrappedProtocol`` over TLS.
    """
    name = "wrappedProtocol" if ISSLTransport.providedBy(transport) else "protocol"
    setattr(transport, name, protocol)
    protocol.makeConnection(transport)
