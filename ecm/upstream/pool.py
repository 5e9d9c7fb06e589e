"""The pool of links: clients go to their nodes, and requests wait while none takes them.

No I/O: the clock ticks it, links say how they are, and the front end is its producer.
"""

from typing import Final

from twisted.internet.interfaces import IPushProducer

from ecm.limits import (
    MAX_REDIRECTS,
    REFUSAL_TIME,
    REFUSALS,
    STREAM_REFUSAL_TIME,
    STREAM_REFUSALS,
)
from ecm.link import requests
from ecm.link.events import Misdirected
from ecm.upstream.back_pressure import BackPressure
from ecm.upstream.insight import Insight
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.nodes import Nodes
from ecm.upstream.pending import (
    CONGESTED,
    NO_LINK,
    NO_STREAMS,
    NOT_UNDERSTOOD,
    STOPPING,
    Pending,
)
from ecm.upstream.refusals import Refusals
from ecm.upstream.request_queue import RequestQueue
from ecm.upstream.stream import Stream
from ecm.upstream.streams import Streams
from ecm.upstream.traffic import count_traffic

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
        self.insight = Insight(self.nodes)
        self._ways, self._number = self.nodes.ways, self.nodes.number
        self._is_draining = False
        self._now = now
        self.queue = RequestQueue()
        self._refusals = Refusals(REFUSALS, REFUSAL_TIME)
        self._closings = Refusals(STREAM_REFUSALS, STREAM_REFUSAL_TIME)
        self.pressure = BackPressure(queue_timeout, now)

    def __len__(self) -> int:
        """Return how many requests are in flight, queued, or about to be refused; and streams."""
        in_flight = sum(link.in_flight for link in self.links)
        return len(self.queue) + len(self._refusals) + len(self._closings) + in_flight

    # From the front end.

    def registerProducer(self, producer: IPushProducer) -> None:
        """Have the front end paused while it asks more than can be sent (IPushProducer)."""
        self.pressure.producer = producer

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
        may_wait = self.pressure.patience > 0
        if not (may_wait and self.queue.put(exchange, line, body, self._now)):
            raise Unavailable(self.pressure.blocked_by or CONGESTED)
        self.pressure.update(self._now, self.queue.is_full)

    def open(self, stream: Stream, content: bytes) -> Streams:
        """Open a stream with what ``open_line`` makes, now, and return those of its link.

        Raises Unavailable. The stream may get another ID.
        """
        link = self._ways[stream.id % self._number]
        if link is None or not link.streams.are_carried:
            link = self.nodes.choose(for_stream=True)
            if link is None:
                raise Unavailable(self.pressure.blocked_by or NO_STREAMS)
            stream.id = self.nodes.new_id(link.slot)
        link.streams.open(stream, content)
        return link.streams

    def cancel(self, connection_id: int, reason: str) -> None:
        """Forget an exchange: nobody waits for its answer any more. Should it come, it is orphaned.

        Or end a stream, whatever has become of its link.

        ``reason`` is one of those of ``close`` in ecm.link.message.
        """
        waiting = (self.queue, self._refusals, self._closings)
        if any(each.remove(connection_id) for each in waiting):
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
        self.pressure.block(blocked_by, self._now)
        if not blocked_by and status is not LinkStatus.CONGESTED:
            self._flow()
        if status is LinkStatus.WRITABLE:
            link.streams.resume()
        self.pressure.update(self._now, self.queue.is_full)

    def redirect(self, link: Link, misdirected: Misdirected) -> None:
        """Send a request on to the node of its session, with which its connection stays then.

        Without a link to that node, any may take it, and ask that node itself. One that comes back
        again and again is refused: it would travel for ever.
        """
        exchange = link.table.redirect(misdirected.id)
        if exchange is None:
            return
        if exchange.times > MAX_REDIRECTS:
            link.handle(requests.give_up_returned(misdirected.id))
            exchange.rejected(NOT_UNDERSTOOD)
            return
        link.metrics.redirected += 1
        home = self.nodes.named(misdirected.node)
        exchange.renamed(exchange.id if home is None else self.nodes.new_id(home.slot))
        _send_on(exchange, misdirected.line, misdirected.body, self)

    def lose(self, link: Link) -> tuple[int, int]:
        """Refuse the exchanges and the streams of a link that is down, and return their numbers.

        When there are many, their clients are told one after the other, and come back so. Of
        streams, those whose clients say something come first: it would be said to nobody.

        Requests that ejabberd may not have got go to other nodes instead. If it has got one, and
        the session lives elsewhere, that sees the same RID again.
        """
        link.is_final = True
        self.update_link(link, LinkStatus.DOWN)
        count_traffic(link, link.metrics)
        again = link.take_unacknowledged() if self.nodes.are_several else ()
        for exchange, line, body in again:
            _send_on(exchange, line, body, self)
        exchanges, streams = link.table.take_all(), link.streams.take_all(self._closings.hasten)
        self._refusals.add(exchanges, NO_LINK)
        self._closings.add(streams, NO_LINK)
        return len(exchanges), len(streams)

    # From the server.

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon, also over links that are established later.

        From now on no request waits for a link.
        """
        self._is_draining = True
        self.pressure.patience = 0
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
        self.insight.tick(now)
        self._refusals.tick()
        self._closings.tick()
        for exchange, *_ in self.queue.take_before(now - self.pressure.patience):
            exchange.rejected(self.pressure.blocked_by or CONGESTED)
        self.pressure.update(self._now, self.queue.is_full)

    # The state.

    def _flow(self) -> None:
        """Send the requests that are queued, as far as they go: they may congest a link."""
        for exchange, line, body, since in self.queue.take_all():
            link = self._ways[exchange.id % self._number] or self.nodes.detour(exchange)
            if link is not None:
                link.send_request(exchange, line, body)
            elif not self.queue.put(exchange, line, body, since):
                exchange.rejected(self.pressure.blocked_by or CONGESTED)


def _send_on(exchange: Pending, line: bytes, body: bytes, pool: UpstreamPool) -> None:
    """Send or queue a request that was with a node before."""
    try:
        pool.request(exchange, line, body)
    except Unavailable as why:
        exchange.rejected(str(why))
