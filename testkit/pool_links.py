"""The pool's neighbours, for its tests: links that are established, and a front end."""

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.link.agreement import Agreement
from ecm.link.packet import PacketDecoder
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pool import UpstreamPool
from testkit.in_memory import Transport

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
        agreement = Agreement("ejabberd@chat", 2000, in_parts=True, resumes=False)
        self.slot = pool.nodes.join()
        self.link = Link(
            agreement, "", LinkSettings(max_queue=100), metrics, self._congestion, self.slot
        )
        self.queue = self.link.queue
        self.queue.attach(transport)
        self.up()

    def _congestion(self, congested: bool) -> None:
        self.become(LinkStatus.CONGESTED if congested else LinkStatus.WRITABLE)

    def up(self) -> None:
        self.become(LinkStatus.WRITABLE)

    def become(self, status: LinkStatus) -> None:
        self._pool.update_link(self.link, status)

    def down(self) -> None:
        self._pool.lose(self.link)

    def leave(self) -> None:
        """It goes for good."""
        self.down()
        self._pool.nodes.leave(self.slot)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.down()

    def sent(self) -> list[tuple[int, bytes]]:
        return [*PacketDecoder().feed(self.wire.written())]
