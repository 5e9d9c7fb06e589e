"""The client that ejabberd is told of: its address, and whether it is encrypted."""

from typing import Any

from twisted.internet.interfaces import ISSLTransport

from ecm.frontend.ordering import OrderedConnection
from ecm.http.client_address import TrustedProxies
from ecm.http.request import Head
from ecm.link.message import request_line, request_line_of
from ecm.net.served import ServedConnection
from ecm.net.transport import has_plain_socket, peer_of, underlying


def client_of(
    connection: OrderedConnection, head: Head, proxies: TrustedProxies
) -> tuple[str, int, bool]:
    """Return address and port of the client, and whether its connection is encrypted.

    It is what the proxy nearest to it says, otherwise what the connection here is.
    """
    address, port, over_tls = connection.peer or (*peer_of(connection.transport), None)
    address, secure = proxies.client(address, head.headers)
    if secure is None:
        secure = over_tls
    if secure is None:
        secure = ISSLTransport.providedBy(connection.transport)
    return address, port, secure


def line_of(connection: OrderedConnection, head: Head, proxies: TrustedProxies) -> bytes:
    """Return the line of a request, which tells ejabberd the client.

    It is made for each: to keep it would take 80 bytes of each connection, and the transport that
    has the socket has the address as text. Where others stand before that, they may know better.
    """
    transport: Any = connection.transport
    wire: Any = transport if has_plain_socket(transport) else underlying(transport)
    if isinstance(wire, ServedConnection) and connection.peer is None and not proxies.trusted:
        peer = wire.peer_text
        if isinstance(peer, bytes):
            return request_line_of(peer, wire is not transport)
    return request_line(*client_of(connection, head, proxies))
