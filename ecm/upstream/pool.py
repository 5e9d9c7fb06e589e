"""The pool of links: which one takes a request, and which requests wait while none does.

No I/O: the clock ticks it, links say how they are, and the front end is its producer.
"""

from twisted.internet.interfaces import IPushProducer

from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pending import CONGESTED, NO_LINK, STOPPING, Pending
from ecm.upstream.refusals import Refusals
from ecm.upstream.request_queue import RequestQueue


class Unavailable(Exception):
    """ejabberd cannot be asked at the moment. The text says why."""


class UpstreamPool:
    """All links of one ECM. A request goes to the first of those that are writable.

    While there is none, requests are queued, each for ``queue_timeout`` seconds at most: a client
    that is refused comes back, and its next request may wait as long. The producer is paused while
    the queue is full; and while all links are congested, for as long: that is the high-water mark,
    and a link that is writable again is the low-water mark.
    """

    def __init__(self, first_id: int, queue_timeout: float, now: float = 0.0) -> None:
        self._next_id = first_id
        self._queue_timeout = queue_timeout
        self._now = now
        # The links that are up, or broken.
        self.links: dict[Link, LinkStatus] = {}
        self._writable: list[Link] = []
        self._queue = RequestQueue()
        self._refusals = Refusals()
        self._producer: IPushProducer | None = None
        # Why requests are not sent, and since when. Empty while they are.
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

    def new_id(self) -> int:
        """Return an ID that no connection has had."""
        self._next_id += 1
        return self._next_id - 1

    def request(self, exchange: Pending, line: bytes, body: bytes) -> None:
        """Send or queue the request of an exchange. Raises Unavailable.

        ``line`` is what ``request_line`` makes.
        """
        if not self._blocked_by:
            self._writable[0].send_request(exchange, line, body)
            return
        may_wait = self._queue_timeout and self._blocked_by != STOPPING
        if not (may_wait and self._queue.put(exchange, line, body, self._now)):
            raise Unavailable(self._blocked_by)
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
        """Note how a link is. One that drains does so until it is down.

        One that is broken or down comes back: requests wait for it, whatever drains beside it.
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
        elif status is LinkStatus.DRAINING and LinkStatus.BROKEN not in self.links.values():
            self._wait(STOPPING)
        else:
            self._wait(NO_LINK)

    def lose(self, link: Link) -> int:
        """Refuse the exchanges of a link that is down, and return their number.

        When there are many, their clients are told one after the other, and come back so.
        """
        link.is_final = True
        self.update_link(link, LinkStatus.DOWN)
        lost = link.table.take_all()
        self._refusals.add(lost, NO_LINK)
        return len(lost)

    # From the server.

    def drain(self) -> None:
        """Tell ejabberd that ECM stops soon. From now on no request waits for a link."""
        self._queue_timeout = 0
        for link, status in tuple(self.links.items()):
            if status is LinkStatus.BROKEN:
                self.lose(link)
            else:
                link.drain()
        self._refusals.tick(all=True)
        self.tick(self._now)

    def abort(self) -> None:
        """Close all links at once, whatever waits to be sent."""
        for link in tuple(self.links):
            link.abort()

    # From the clock.

    def tick(self, now: float) -> None:
        """Let no request wait for too long."""
        self._now = now
        self._refusals.tick()
        for exchange, *_ in self._queue.take_before(now - self._queue_timeout):
            exchange.rejected(self._blocked_by)
        self._update_reading()

    # The state.

    def _flow(self) -> None:
        """Send requests, first those that are queued: a link may become congested by them."""
        self._blocked_by = ""
        for exchange, line, body, since in self._queue.take_all():
            if not self._blocked_by:
                self._writable[0].send_request(exchange, line, body)
            elif not self._queue.put(exchange, line, body, since):
                exchange.rejected(self._blocked_by)
        self._update_reading()

    def _wait(self, why: str) -> None:
        """Queue requests, or refuse them while ejabberd stops.

        For the same reason as before it is the same wait.
        """
        if why == self._blocked_by:
            return
        self._blocked_by, self._since = why, self._now
        for exchange, *_ in self._queue.take_all() if why == STOPPING else ():
            exchange.rejected(why)
        self._update_reading()

    def _update_reading(self) -> None:
        """Pause or resume the front end."""
        if self._producer is None:
            return
        waited = self._now - self._since
        congested = self._blocked_by == CONGESTED and waited < self._queue_timeout
        if congested or self._queue.is_full:
            self._producer.pauseProducing()
        else:
            self._producer.resumeProducing()
