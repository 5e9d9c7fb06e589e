"""The keeper of a link: it is up, or broken and kept for a while, or there is none."""

from twisted.logger import Logger

from ecm.link.agreement import Previous
from ecm.link.events import Established
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.net.transport import IStreamTransport
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.pool import UpstreamPool

_log = Logger()


class LinkKeeper:
    """Keeps the link of one endpoint, from one connection to the next.

    The pool hears of it all. The log has one line for each break and one for its end.
    """

    def __init__(self, pool: UpstreamPool, settings: LinkSettings, metrics: Metrics) -> None:
        self._pool = pool
        self._settings = settings
        self._metrics = metrics
        self._link: Link | None = None
        self._is_up = False
        self._now: float | None = None  # until the first tick
        self._broken_at: float | None = None

    # From the protocol of a connection.

    @property
    def previous(self) -> Previous | None:
        """The link that is to go on over the next connection, if there is one."""
        return self._link.previous if self._link is not None else None

    @property
    def is_kept(self) -> bool:
        """True while there is a link that may go on. It may end while a connection begins."""
        return self._link is not None and not self._link.is_final

    def established(self, event: Established, transport: IStreamTransport) -> Link:
        """A connection takes requests: for the link that was broken, or for a new one."""
        link = self._link
        if link is not None and event.got is not None:
            self._resume(link, event.got, transport)
            return link
        if link is not None and not link.is_final:
            self._lose("ejabberd does not know it any more")
        return self._begin(event, transport)

    def lost(self, link: Link, reason: str) -> None:
        """The connection of the link has ended."""
        self._is_up = False
        link.queue.detach()
        if link.is_final:
            self._lose(reason)
            return
        self._broken_at = self._now
        self._metrics.broken += 1
        _log.warn(
            "link broken: {reason}; {waiting} requests wait, up to {grace} seconds, for it to"
            " resume",
            reason=reason,
            waiting=len(link.table),
            grace=self._settings.link_grace,
        )
        self._pool.update_link(link, LinkStatus.BROKEN)

    def give_up(self, reason: str) -> None:
        """The link that is broken cannot go on."""
        if self._link is not None and not self._is_up:
            self._lose(reason)

    # From the clock.

    def tick(self, now: float) -> None:
        """Give up a link that has been broken for too long, and look how full one is that is up."""
        self._now = now
        link = self._link
        if link is None:
            return
        if self._is_up:
            link.queue.tick(now)
            link.tick()
        elif link.is_final:
            self._link = None  # ECM stops, and has refused what was in flight
        elif self._broken_at is None:
            self._broken_at = now  # it broke before the first tick
        elif now - self._broken_at >= self._settings.link_grace:
            self._lose(f"it has not resumed within {self._settings.link_grace} seconds")

    # Within.

    @property
    def _broken_for(self) -> float:
        """Seconds since the break; or since the first tick, if the link broke before it."""
        if self._now is None or self._broken_at is None:
            return 0.0
        return self._now - self._broken_at

    def _begin(self, event: Established, transport: IStreamTransport) -> Link:
        if event.agreement is None:
            _log.info("link up: plain, client addresses do not cross it")
        else:
            _log.info("link up: typed, with {name}", name=event.agreement.instance)
        link = self._link = Link(
            event.agreement, event.token, self._settings, self._metrics, self._congestion
        )
        self._up(link, transport)
        return link

    def _resume(self, link: Link, got: int, transport: IStreamTransport) -> None:
        link.receipts.tell()
        link.queue.acknowledge(got)
        again = self._up(link, transport)
        self._metrics.resent += again
        _log.info(
            "link resumed after {seconds} seconds: {again} packets sent again",
            seconds=round(self._broken_for),
            again=again,
        )

    def _up(self, link: Link, transport: IStreamTransport) -> int:
        self._is_up = True
        again = link.queue.attach(transport)
        full = link.queue.is_full
        self._pool.update_link(link, LinkStatus.CONGESTED if full else LinkStatus.WRITABLE)
        return again

    def _lose(self, reason: str) -> None:
        link, self._link = self._link, None
        assert link is not None
        lost = self._pool.lose(link)
        _log.warn(
            "link down: {reason}; {lost} requests lost, answered 503", reason=reason, lost=lost
        )

    def _congestion(self, congested: bool) -> None:
        """The send queue of the link has passed its high-water mark, or its low-water mark."""
        link = self._link
        if link is None or not self._is_up:
            return
        if congested:
            _log.warn(
                "link congested: {size} bytes wait, the oldest for {age} seconds; clients are"
                " paused",
                size=link.queue.outbox.size,
                age=round(link.queue.age),
            )
            self._pool.update_link(link, LinkStatus.CONGESTED)
        else:
            _log.info("link writable again: clients are resumed")
            self._pool.update_link(link, LinkStatus.WRITABLE)
