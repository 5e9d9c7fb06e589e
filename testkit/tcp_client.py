"""A client over TCP, blocking: STARTTLS or TLS at once, then bytes to an ejabberd that echoes."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

from testkit.samples.before_tls import HEADER, STARTTLS

PROCEED = b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
TIMEOUT = 30.0

# Makes TLS of a connection, if it is to have some.
Secure = Callable[[socket.socket], socket.socket]


def trusting(ca: bytes, protocol: str = "", version: ssl.TLSVersion | None = None) -> Secure:
    """Return TLS at once, with a name for what is spoken in it."""
    context = ssl.create_default_context(cadata=ca.decode())
    if protocol:
        context.set_alpn_protocols([protocol])
    if version is not None:
        context.maximum_version = version
    return lambda plain: context.wrap_socket(plain, server_hostname="localhost")


def starttls(ca: bytes) -> Secure:
    """Return TLS behind STARTTLS."""

    def secure(plain: socket.socket) -> socket.socket:
        plain.sendall(HEADER)
        until(plain, b"</stream:features>")
        plain.sendall(STARTTLS)
        until(plain, PROCEED)
        return trusting(ca)(plain)

    return secure


def connect(
    place: Any, secure: Secure | None = None, before: bytes = b"", source: str = ""
) -> socket.socket:
    """Connect to a port of 127.0.0.1, or to a UNIX socket, perhaps from some address.

    ``before`` is sent first of all.
    """
    plain = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET)
    plain.settimeout(TIMEOUT)
    if source:
        plain.bind((source, 0))
    plain.connect(place if isinstance(place, str) else ("127.0.0.1", place))
    plain.sendall(before)
    return plain if secure is None else secure(plain)


def until(connection: socket.socket, end: bytes) -> bytes:
    """Return what comes, up to and with some bytes."""
    came = b""
    while not came.endswith(end):
        data = connection.recv(65536)
        assert data, came
        came += data
    return came


def converse(connection: socket.socket) -> None:
    """Say much and little, and hear it again."""
    for data in (HEADER, b"<a/>", b"b" * 40_000, bytes(range(256)), b"c" * 40_000):
        connection.sendall(data)
        came = b""
        while len(came) < len(data):
            came += connection.recv(65536)
        assert came == data


def talk(place: Any, secure: Secure | None = None, before: bytes = b"", source: str = "") -> None:
    """Connect, converse, and leave."""
    with connect(place, secure, before, source) as connection:
        converse(connection)
