"""ECM's two sides joined in memory: real protocols and table, no sockets."""

from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from ecm.client import ClientFactory, ClientProtocol, Pages
from ecm.packet import PacketDecoder, encode
from ecm.table import ConnectionTable
from ecm.upstream import LinkFactory, LinkProtocol

FIRST_ID = 1000
MAX_BODY = 10_000


class Transport(StringTransportWithDisconnection):
    """A transport in memory, which tells what was written since it was last asked."""

    def abortConnection(self) -> None:
        self.connected = False
        self.protocol.connectionLost(Failure(ConnectionLost()))

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.noDelay = enabled

    def written(self) -> bytes:
        written: bytes = self.value()
        self.clear()
        return written

    @property
    def paused(self) -> bool:
        return bool(self.producerState == "paused")


class Client:
    """A client's connection."""

    def __init__(self, factory: ClientFactory) -> None:
        self.transport = Transport()
        self.protocol: ClientProtocol = factory.buildProtocol(None)
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send bytes, and return what is written back at once."""
        self.protocol.dataReceived(data)
        return self.transport.written()

    def post(self, body: bytes, path: bytes = b"/http-bind", more: bytes = b"") -> bytes:
        """Send a BOSH request; ``more`` are header lines."""
        head = b"POST %b HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n" % (path, more, len(body))
        return self.send(head + body)

    def leave(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class Joined:
    """ECM with a link to a server, which the test plays packet by packet."""

    def __init__(self, pages: Pages | None = None, linked: bool = True) -> None:
        self.table = ConnectionTable(FIRST_ID)
        paths = frozenset({b"/http-bind", b"/http-bind/"})
        self.clients = ClientFactory(self.table, paths, MAX_BODY, pages)
        if linked:
            self.link_up()

    def client(self) -> Client:
        return Client(self.clients)

    def link_up(self) -> None:
        self.link: LinkProtocol = LinkFactory(self.table, 65_536).buildProtocol(None)
        self.link_transport = Transport()
        self.link_transport.protocol = self.link
        self.link.makeConnection(self.link_transport)

    def link_down(self) -> None:
        self.link.connectionLost(Failure(ConnectionLost()))

    def received(self) -> list[tuple[int, bytes]]:
        """Return the packets that the server has received since it was last asked."""
        return list(PacketDecoder().feed(self.link_transport.written()))

    def answer(self, connection_id: int, body: bytes) -> None:
        """Let the server send a packet."""
        self.link.dataReceived(encode(connection_id, body))
