"""The pool of links: requests go to their nodes, and wait while none takes them.

No I/O: the clock ticks it, links say how they are, and the front end is its producer.
"""

from typing import Final

from twisted.internet.interfaces import IPushProducer

from ecm.link.events import Misdirected
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.nodes import Nodes
from ecm.upstream.pending import CONGESTED, NO_LINK, STOPPING, Pending
from ecm.upstream.refusals import Refusals
from ecm.upstream.request_queue import RequestQueue

# Why no node takes requests, by the status of the links that are best off; empty if one does. While
# a link that is broken may go on, there is hope beside one that drains.
_BLOCKED_BY: Final = {
    LinkStatus.WRITABLE: "",
    LinkStatus.CONGESTED: CONGESTED,
    LinkStatus.BROKEN: NO_LINK,
    LinkStatus.DRAINING: STOPPING,
    LinkStatus.DOWN: NO_LINK,
}


class Unavailable(Exception):
    """ejabberd cannot be asked at the moment. The text says why."""


class UpstreamPool:
    """All links of one ECM, to at most so many ``nodes``. A request goes to that of its ID.

    It goes to another one while that is broken, draining or down. If its node is congested, or if
    none takes requests, it is queued, for ``queue_timeout`` seconds at most: a client that is
    refused comes back, and its next request may wait as long.

    The producer is paused while no node takes requests, and the queue is full or a link congested;
    for a congested link, not for longer than ``queue_timeout``. A link that is writable again is
    the low-water mark. A node that is congested beside others pauses nobody: its clients have a few
    requests in flight each, and further ones are refused once the queue has no room.
    """

    def __init__(
        self, first_id: int, queue_timeout: float, now: float = 0.0, nodes: int = 1
    ) -> None:
        self.nodes = Nodes(first_id, nodes)
        self.links = self.nodes.links
        self._ways, self._number = self.nodes.ways, self.nodes.number
        self._queue_timeout = queue_timeout
        self._is_draining = False
        self._now = now
        self._queue = RequestQueue()
        self._refusals = Refusals()
        self._producer: IPushProducer | None = None
        # Why no node takes requests, and since when.
        self._blocked_by = NO_LINK
        self._since = now

    def __len__(self) -> int:
        """Return how many requests are in flight, queued, or about to be refused."""
        in_flight = sum(len(link.table) for link in self.links)
        return len(self._queue) + len(self._refusals) + in_flight

    # From the front end.

    def registerProducer(self, producer: IPushProducer) -> None:
        """Have the front end paused while it asks more than can be sent (IPushProducer)."""
        self._producer = producer

    def new_id(self, beside: int = 0) -> int:
        """Return an ID that no connection has had; of the same node as ``beside``, if given."""
        nodes = self.nodes
        return nodes.new_id(beside % self._number) if beside else nodes.newcomer()

    def request(self, exchange: Pending, line: bytes, body: bytes) -> None:
        """Send or queue the request of an exchange. Raises Unavailable.

        ``line`` is what ``request_line`` makes. The exchange may be renamed.
        """
        link = self._ways[exchange.id % self._number] or self.nodes.detour(exchange)
        if link is not None:
            link.send_request(exchange, line, body)
            return
        may_wait = self._queue_timeout > 0
        if not (may_wait and self._queue.put(exchange, line, body, self._now)):
            raise Unavailable(self._blocked_by or CONGESTED)
        self._update_reading()

    def cancel(self, connection_id: int, reason: str) -> None:
        """Forget an exchange: nobody waits for its answer any more. Should it come, it is orphaned.

        ``reason`` is one of those of ``close`` in ecm.link.message.
        """
        if self._queue.remove(connection_id) or self._refusals.remove(connection_id):
            return
        for link in self.links:
            if link.cancel(connection_id, reason):
                return

    def half_closed(self, connection_id: int) -> None:
        """The client of an exchange has closed its end: it may wait for the answer, or be gone."""
        for link in self.links:
            link.half_closed(connection_id)

    # From the links.

    def update_link(self, link: Link, status: LinkStatus) -> None:
        """Note how a link is. One that drains does so until it is down."""
        is_new = link not in self.links
        self.nodes.update(link, status)
        self.nodes.introduce()
        if self._is_draining and is_new and link in self.links:
            link.drain()
        blocked_by = _BLOCKED_BY[self.nodes.best]
        if blocked_by != self._blocked_by:
            self._blocked_by, self._since = blocked_by, self._now
        if not blocked_by and status is not LinkStatus.CONGESTED:
            self._flow()
        self._update_reading()

    def redirect(self, link: Link, misdirected: Misdirected) -> None:
        """Send a request on to the node of its session, with which its connection stays then.

        Without a link to that node, any may take it, and ask that node itself.
        """
        exchange = link.table.redirect(misdirected.id)
        if exchange is None:
            return
        home = self.nodes.named(misdirected.node)
        exchange.renamed(exchange.id if home is None else self.nodes.new_id(home.slot))
        _send_on(exchange, misdirected.line, misdirected.body, self)

    def lose(self, link: Link) -> int:
        """Refuse the exchanges of a link that is down, and return their number.

        When there are many, their clients are told one after the other, and come back so. Requests
        that ejabberd may not have got go to other nodes instead. If it has got one, and the session
        lives elsewhere, that sees the same RID again.
        """
        link.is_final = True
        self.update_link(link, LinkStatus.DOWN)
        again = link.take_unacknowledged() if self.nodes.are_several else ()
        for exchange, line, body in again:
            _send_on(exchange, line, body, self)
        lost = link.table.take_all()
        self._refusals.add(lost, NO_LINK)
        return len(lost)

    # From the server.

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon, also over links that are established later.

        From now on no request waits for a link.
        """
        self._is_draining = True
        self._queue_timeout = 0
        for link, status in tuple(self.links.items()):
            if status is LinkStatus.BROKEN:
                self.lose(link)
            else:
                link.drain()
        self._refusals.tick(all=True)
        self.tick(self._now)

    def abort(self) -> None:
        """Close all links at once, whatever waits."""
        for link in tuple(self.links):
            link.abort()

    # From the clock.

    def tick(self, now: float) -> None:
        """Let no request wait for too long."""
        self._now = now
        self._refusals.tick()
        for exchange, *_ in self._queue.take_before(now - self._queue_timeout):
            exchange.rejected(self._blocked_by or CONGESTED)
        self._update_reading()

    # The state.

    def _flow(self) -> None:
        """Send the requests that are queued, as far as they go: they may congest a link."""
        for exchange, line, body, since in self._queue.take_all():
            link = self._ways[exchange.id % self._number] or self.nodes.detour(exchange)
            if link is not None:
                link.send_request(exchange, line, body)
            elif not self._queue.put(exchange, line, body, since):
                exchange.rejected(self._blocked_by or CONGESTED)

    def _update_reading(self) -> None:
        """Pause or resume the front end."""
        if self._producer is None:
            return
        waited = self._now - self._since
        congested = self._blocked_by == CONGESTED and waited < self._queue_timeout
        if self._blocked_by and (congested or self._queue.is_full):
            self._producer.pauseProducing()
        else:
            self._producer.resumeProducing()


def _send_on(exchange: Pending, line: bytes, body: bytes, pool: UpstreamPool) -> None:
    """Send or queue a request that was with a node before."""
    try:
        pool.request(exchange, line, body)
    except Unavailable as why:
        exchange.rejected(str(why))
