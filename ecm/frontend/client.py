"""The client that ejabberd is told of: its address, and whether it is encrypted."""

from twisted.internet.interfaces import ISSLTransport

from ecm.frontend.ordering import OrderedConnection
from ecm.http.client_address import TrustedProxies
from ecm.http.request import Head
from ecm.net.transport import peer_of


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
