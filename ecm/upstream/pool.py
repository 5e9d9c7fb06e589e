"""The pool of links: which one takes a request, and which requests wait while none does.

No I/O: the clock ticks it, links say how they are, and the front end is its producer.
"""

from enum import Enum

from twisted.internet.interfaces import IPushProducer

from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pending import CONGESTED, NO_LINK, STOPPING, Pending
from ecm.upstream.request_queue import RequestQueue


class Unavailable(Exception):
    """ejabberd cannot be asked at the moment. The text says why."""


class PoolState(Enum):
    """Fate of a request that comes now."""

    FLOWING = "flowing"  # a link takes it
    QUEUEING = "queueing"  # it waits, for a link or until a link is not congested any more
    REJECTING = "rejecting"  # it is refused: no link took any for too long
    STOPPING = "stopping"  # it is refused: ejabberd takes no more on any link


class UpstreamPool:
    """All links of one ECM. A request goes to the first of those that are writable.

    While there is none, requests are queued; while all are congested, the producer is paused as
    well: that is the high-water mark, and a link that is writable again is the low-water mark. If
    that lasts for ``queue_timeout`` seconds, requests are rejected until a link is writable.
    """

    def __init__(self, first_id: int, queue_timeout: float, now: float = 0.0) -> None:
        self._next_id = first_id
        self._queue_timeout = queue_timeout
        self._now = now
        # The links that are up.
        self.links: dict[Link, LinkStatus] = {}
        self._writable: list[Link] = []
        self._queue = RequestQueue()
        self._producer: IPushProducer | None = None
        self._state = PoolState.QUEUEING
        # Why requests are not sent, and since when. Empty while they are.
        self._blocked_by = NO_LINK
        self._since = now

    def __len__(self) -> int:
        """Return how many requests are in flight or queued."""
        return len(self._queue) + sum(len(link.table) for link in self.links)

    # From the front end.

    def registerProducer(self, producer: IPushProducer) -> None:
        """Have the front end paused while all links are congested (IPushProducer)."""
        self._producer = producer

    def new_id(self) -> int:
        """Return an ID that no connection has had."""
        self._next_id += 1
        return self._next_id - 1

    def request(self, exchange: Pending, line: bytes, body: bytes) -> None:
        """Send or queue the request of an exchange. Raises Unavailable.

        ``line`` is what ``request_line`` makes.
        """
        if not self._blocked_by:  # it flows; to look up a member of an Enum would take longer
            self._writable[0].send_request(exchange, line, body)
        elif self._state is not PoolState.QUEUEING or not self._queue.put(exchange, line, body):
            raise Unavailable(self._blocked_by)

    def cancel(self, connection_id: int, reason: str) -> None:
        """Forget an exchange: nobody waits for its answer any more. Should it come, it is orphaned.

        ``reason`` is one of those of ``close`` in ecm.link.message.
        """
        if self._queue.remove(connection_id):
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
        """Note how a link is. One that drains does so until it is down.

        One that is down comes back: requests wait for it, whatever drains beside it.
        """
        if status is LinkStatus.DOWN:
            self.links.pop(link, None)
        elif self.links.get(link) is LinkStatus.DRAINING:
            return
        else:
            self.links[link] = status
        self._writable = [each for each in self.links if self.links[each] is LinkStatus.WRITABLE]
        if self._writable:
            self._flow()
        elif LinkStatus.CONGESTED in self.links.values():
            self._wait(CONGESTED)
        elif status is LinkStatus.DRAINING:
            self._reject(PoolState.STOPPING, STOPPING)
        else:
            self._wait(NO_LINK)

    # From the server.

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon. From now on no request waits for long to be sent."""
        self._queue_timeout = 0
        for link in self.links:
            link.drain()

    def abort(self) -> None:
        """Close all links at once, whatever waits to be sent."""
        for link in tuple(self.links):
            link.abort()

    # From the clock.

    def tick(self, now: float) -> None:
        """Let no request wait for too long."""
        self._now = now
        waits = self._state is PoolState.QUEUEING
        if waits and now - self._since >= self._queue_timeout:
            self._reject(PoolState.REJECTING, self._blocked_by)

    # The state.

    def _flow(self) -> None:
        """Send requests, first those that are queued: a link may become congested by them."""
        self._state, self._blocked_by = PoolState.FLOWING, ""
        for exchange, line, body in self._queue.take_all():
            try:
                self.request(exchange, line, body)
            except Unavailable as why:
                exchange.rejected(str(why))
        if self._state is PoolState.FLOWING:
            self._resume()

    def _wait(self, why: str) -> None:
        """Queue requests. For the same reason as before it is the same wait."""
        if why == self._blocked_by:
            return
        self._state, self._blocked_by, self._since = PoolState.QUEUEING, why, self._now
        if why != CONGESTED:
            self._resume()
        elif self._producer is not None:
            self._producer.pauseProducing()

    def _reject(self, state: PoolState, why: str) -> None:
        """Refuse requests from now on, and those that are queued."""
        self._state, self._blocked_by = state, why
        for exchange, _, _ in self._queue.take_all():
            exchange.rejected(why)
        self._resume()

    def _resume(self) -> None:
        if self._producer is not None:
            self._producer.resumeProducing()
