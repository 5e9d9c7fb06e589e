"""The pool's neighbours, for its tests: links that are established, and a front end."""

from typing import Any

from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.link.agreement import Agreement
from ecm.link.packet import PacketDecoder, decode
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pool import UpstreamPool
from testkit.in_memory import Transport

LINE = b"request secure=0\n"
QUEUE_TIMEOUT = 10
_NODES = b"nodes\n"


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
    """A link that is established, and what it has sent. With a ``token`` it resumes.

    ``nodes`` has what it has told ejabberd last of other nodes.
    """

    def __init__(
        self, pool: UpstreamPool, metrics: Metrics, name: str = "ejabberd@chat", token: str = ""
    ) -> None:
        self.nodes: list[bytes] | None = None
        self._pool = pool
        self.wire = Transport(Clock())
        self.wire.protocol = self
        transport: Any = self.wire
        agreement = Agreement(name, 2000, in_parts=True, resumes=bool(token))
        self.slot = pool.nodes.join()
        self.link = Link(
            agreement, token, LinkSettings(max_queue=100), metrics, self._congestion, self.slot
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

    def unsent(self) -> set[int]:
        """Return the IDs of the packets that it keeps, because ejabberd has not taken them."""
        outbox = self.queue.outbox
        return {decode(packet)[0] for packet in (*outbox.sent, *outbox.waiting)}

    def sent(self) -> list[tuple[int, bytes]]:
        """Return what it has sent since it was last asked, but for nodes."""
        sent = [*PacketDecoder().feed(self.wire.written())]
        for _, content in sent:
            if content.startswith(_NODES):
                self.nodes = content.removeprefix(_NODES).split()
        return [each for each in sent if not each[1].startswith(_NODES)]
