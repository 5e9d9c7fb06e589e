"""The pool's neighbours, for its tests: links that are established, and a front end."""

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.link.connection import LinkConnection
from ecm.link.packet import PacketDecoder
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.send_queue import SendQueue
from testkit.in_memory import Transport
from testkit.typed_vectors import HELLO, NONCE

LINE = b"request secure=0\n"
QUEUE_TIMEOUT = 10


@implementer(IPushProducer)
class Producer:
    """A front end that notes whether it is paused."""

    paused = False

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        raise AssertionError


class LinkEnd(Protocol):
    """A link that is established, and what it has sent."""

    def __init__(self, pool: UpstreamPool, metrics: Metrics) -> None:
        self._pool = pool
        self.wire = Transport(Clock())
        self.wire.protocol = self
        transport: Any = self.wire
        queue = SendQueue(transport, 100, self._congestion)
        connection = LinkConnection(LinkSettings(), "web1:4711", NONCE)
        connection.start(0)
        connection.receive(0, HELLO, 0)
        self.queue = queue
        self.link = Link(connection, queue, metrics, max_body=1000)
        self.up()

    def _congestion(self, congested: bool) -> None:
        self.become(LinkStatus.CONGESTED if congested else LinkStatus.WRITABLE)

    def up(self) -> None:
        self.become(LinkStatus.WRITABLE)

    def become(self, status: LinkStatus) -> None:
        self._pool.update_link(self.link, status)

    def down(self) -> None:
        self.become(LinkStatus.DOWN)
        self.link.lose_all()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.down()

    def sent(self) -> list[tuple[int, bytes]]:
        return [*PacketDecoder().feed(self.wire.written())]
