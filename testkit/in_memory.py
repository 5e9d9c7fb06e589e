"""ECM's two sides joined in memory: real protocols and pool, no sockets, a clock to be moved."""

from typing import Any

import attrs
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IPullProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransportWithDisconnection
from twisted.python.failure import Failure

from ecm.frontend.connection import ClientConnection
from ecm.frontend.exchange import Handler
from ecm.frontend.factory import FrontendFactory
from ecm.frontend.registry import Registry
from ecm.frontend.routes import make_routes
from ecm.frontend.settings import FrontendSettings
from ecm.http.request import RequestLimits
from ecm.link.packet import PacketDecoder, encode
from ecm.link.settings import LinkMode, LinkSettings
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.upstream.connector import LinkFactory
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.protocol import LinkProtocol, LinkRefused
from ecm.upstream.send_queue import SendQueue

FIRST_ID = 1000
MAX_BODY = 10_000
QUEUE_TIMEOUT = 10
DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
PLAIN = LinkSettings(
    LinkMode.PLAIN, max_packet=2**20, max_queue=65_536, ping_interval=10, link_timeout=30
)
TYPED = attrs.evolve(PLAIN, mode=LinkMode.TYPED)
PATHS = (b"/http-bind", b"/http-bind/")

# The line of a request from a Transport's usual address.
PEER_LINE = b"request peer=192.0.2.1:51234 secure=0\n"


class Transport(StringTransportWithDisconnection):
    """A transport in memory, which tells what was written since it was last asked.

    While ``stuck`` it behaves as one whose other end does not read.
    """

    # Where Twisted's transports have what waits to be sent.
    dataBuffer = b""
    offset = 0
    # The bytes that they read at a time, at most.
    bufferSize = FileDescriptor.bufferSize

    def __init__(self, reactor: Clock, address: str = "192.0.2.1") -> None:
        super().__init__(peerAddress=IPv4Address("TCP", address, 51234))
        self._reactor = reactor
        self.stuck = False
        self.aborted = False
        self.half_closed = False
        self.watcher: IPullProducer | None = None

    def registerProducer(self, producer: IPullProducer, streaming: bool) -> None:
        self.watcher = producer
        if not streaming:
            producer.resumeProducing()  # as Twisted does, whether or not there is room
            self._reactor.callLater(0, self._send)

    @property
    def _tempDataLen(self) -> int:
        return len(self.value()) if self.stuck else 0

    def _send(self) -> None:
        if not self.stuck and self.watcher is not None:
            self.watcher.resumeProducing()

    def unregisterProducer(self) -> None:
        self.watcher = None

    def unstick(self) -> None:
        """The other end reads everything."""
        self.stuck = False
        self._send()

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def abortConnection(self) -> None:
        self.aborted = True
        if self.connected:
            self.connected = False
            self.protocol.connectionLost(Failure(ConnectionLost()))

    def connectionLost(self, reason: Failure) -> None:
        self.connected = False
        self.protocol.connectionLost(reason)

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

    def __init__(self, protocol: ClientConnection, reactor: Clock, address: str) -> None:
        self._reactor = reactor
        self.transport = Transport(reactor, address)
        self.protocol = protocol
        self.transport.protocol = protocol
        protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send bytes, and return what is written back at once."""
        self.transport.protocol.dataReceived(data)
        self._reactor.advance(0)
        return self.transport.written()

    def post(self, body: bytes, path: bytes = b"/http-bind", more: bytes = b"") -> bytes:
        """Send a BOSH request; ``more`` are header lines."""
        head = b"POST %b HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (
            path,
            more,
            len(body),
        )
        return self.send(head + body)

    def close_end(self) -> None:
        """Send no more, and go on reading."""
        protocol: Any = self.transport.protocol
        protocol.readConnectionLost()
        self._reactor.advance(0)

    def leave(self) -> None:
        self.transport.connected = False
        self.transport.protocol.connectionLost(Failure(ConnectionDone()))

    @property
    def ended(self) -> bool:
        """True if ECM has ended the connection."""
        return self.transport.half_closed or not self.transport.connected


def with_limits(settings: FrontendSettings, **limits: int) -> FrontendSettings:
    """Return the settings with other limits: of a request, and of connections."""
    names = {field.name for field in attrs.fields(RequestLimits)}
    of_request = {name: limit for name, limit in limits.items() if name in names}
    others: dict[str, Any] = {name: limits[name] for name in limits.keys() - names}
    request = attrs.evolve(settings.request, **of_request)
    return attrs.evolve(settings, request=request, **others)


class Joined:
    """ECM with a link to a server, which the test plays packet by packet."""

    def __init__(
        self,
        otherwise: Handler | None = None,
        linked: bool = True,
        settings: FrontendSettings | None = None,
        link: LinkSettings = PLAIN,
        **limits: int,
    ) -> None:
        self.reactor = Clock()
        self.clock = CoarseClock(self.reactor, self.reactor.seconds)
        self.clock.start()
        self.metrics = Metrics()
        self.pool = UpstreamPool(FIRST_ID, QUEUE_TIMEOUT if linked else 0)
        self.clock.listen(self.pool.tick)
        settings = settings or FrontendSettings(PATHS)
        settings = with_limits(settings, **{"max_body": MAX_BODY, **limits})
        routes = make_routes(settings, self.pool, link)
        routes = attrs.evolve(routes, otherwise=otherwise or routes.otherwise)
        self.registry = Registry(routes, self.clock, settings, self.metrics)
        self.clients = FrontendFactory(self.registry)
        self.pool.registerProducer(self.clients)
        self.links = LinkFactory(self.pool, self.clock, link, self.metrics)
        if linked:
            self.link_up()

    def client(self, address: str = "192.0.2.1") -> Client:
        protocol = self.clients.buildProtocol(IPv4Address("TCP", address, 51234))
        assert protocol is not None
        return Client(protocol, self.reactor, address)

    def pass_time(self, seconds: int) -> None:
        """Let the clock tick so many times."""
        self.reactor.pump([1] * seconds)

    def link_up(self) -> None:
        self.link = self.new_link()
        self.link.ready.addErrback(lambda failure: failure.trap(LinkRefused))

    def new_link(self) -> LinkProtocol:
        link = self.links.buildProtocol(None)
        assert link is not None
        self.link_transport = Transport(self.reactor)
        self.link_transport.protocol = link
        link.makeConnection(self.link_transport)
        return link

    def congest(self, congested: bool) -> None:
        """Let the link pass its high-water mark, or be writable again."""
        self.queue._congestion(congested)

    @property
    def queue(self) -> SendQueue:
        """The send queue of the link that is up."""
        queue: Any = self.link_transport.watcher
        assert isinstance(queue, SendQueue)
        return queue

    def link_down(self) -> None:
        self.link_transport.abortConnection()

    def received(self) -> list[tuple[int, bytes]]:
        """Return the packets that the server has received since it was last asked."""
        return list(PacketDecoder().feed(self.link_transport.written()))

    def answer(self, connection_id: int, body: bytes) -> None:
        """Let the server send a packet."""
        self.link.dataReceived(encode(connection_id, body))
        self.reactor.advance(0)
