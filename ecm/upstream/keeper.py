"""The keeper of a link: it is up, or broken and kept for a while, or there is none."""

from twisted.logger import Logger, LogLevel

from ecm.limits import NODE_DEAD_AFTER, NODE_SILENT_AFTER, NODE_UNREACHABLE_AFTER
from ecm.link.agreement import Previous
from ecm.link.events import Established
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.net.batch import AtEnd, at_once
from ecm.net.transport import IStreamTransport
from ecm.upstream.link import Link, LinkStatus
from ecm.upstream.outage import Outage
from ecm.upstream.pool import UpstreamPool

_log = Logger()


class LinkKeeper:
    """Keeps the link to one node, from one connection to the next.

    The pool hears of it all. The log has one line for each break and one for its end.
    """

    def __init__(
        self,
        pool: UpstreamPool,
        settings: LinkSettings,
        metrics: Metrics,
        at_end: AtEnd = at_once,
    ) -> None:
        """Raises IndexError if the pool has no room for another node."""
        self.slot = pool.nodes.join()
        self._pool = pool
        self._settings = settings
        self._metrics = metrics
        self._at_end = at_end
        self.link: Link | None = None
        # The token of the link that was given up last, until ejabberd has been told.
        self.given_up = ""
        self._is_up = False
        self.outage = Outage()
        # Why the last connection has ended, or none has come about.
        self.error = ""

    # From the protocol of a connection.

    @property
    def previous(self) -> Previous | None:
        """The link that is to go on over the next connection, if there is one."""
        return self.link.previous if self.link is not None else None

    @property
    def is_kept(self) -> bool:
        """True while there is a link that may go on. It may end while a connection begins."""
        return self.link is not None and not self.link.is_final

    def established(self, event: Established, transport: IStreamTransport) -> Link:
        """A connection takes requests: for the link that was broken, or for a new one."""
        link = self.link
        if link is not None and event.got is not None:
            link.tells = event.agreement is not None and event.agreement.insight
            link.streams.can_leave = event.agreement is not None and event.agreement.leave
            self._resume(link, event.got, transport)
            return link
        if link is not None and not link.is_final:
            self._lose("ejabberd does not know it any more")
        self.given_up = ""
        return self._begin(event, transport)

    def lost(self, link: Link, reason: str, silent: bool = False) -> None:
        """The connection of the link has ended, perhaps because nothing came for too long."""
        self._is_up = False
        self.error = reason
        link.queue.detach()
        if link.is_final:
            self._lose(reason)
            return
        self.outage.begin(silent)
        self._metrics.broken += 1
        _log.warn(
            "link{to} broken: {reason}; {waiting} wait, up to {grace} seconds, for it to resume",
            to=link.to,
            reason=reason,
            waiting=_waiting(len(link.table), len(link.streams)),
            grace=self._settings.link_grace,
        )
        self._pool.update_link(link, LinkStatus.BROKEN)

    def give_up(self, reason: str) -> None:
        """The link that is broken cannot go on."""
        if self.link is not None and not self._is_up:
            self._lose(reason)

    def drains(self, link: Link) -> None:
        """ejabberd answers the requests that it has on the link, and takes no more."""
        node = link.node if link.to else "ejabberd"
        _log.info("{node} is draining: ECM sends it no more requests", node=node)
        link.is_final = link.was_to_end = True
        self._pool.update_link(link, LinkStatus.DRAINING)

    # From the clock.

    def tick(self, now: float) -> None:
        """Give up a link that has been broken for too long, and look how full one is that is up."""
        self.outage.tick(now)
        link = self.link
        if link is None:
            return
        if self._is_up:
            link.queue.tick(now)
            link.tick(now)
            self._metrics.full_seconds += link.queue.is_full
        elif link.is_final:
            self.link = None  # ECM stops, and has refused what was in flight
        elif self.outage.seconds >= self._settings.link_grace:
            self._lose(f"it has not resumed within {self._settings.link_grace} seconds")
        elif self._others_are_up and self.outage.refused_for >= NODE_DEAD_AFTER:
            self._lose("nobody listens there any more, and other nodes do")
        elif self._others_are_up and self.outage.seconds >= NODE_UNREACHABLE_AFTER:
            self._lose("it cannot be reached, and other nodes can")
        elif self._others_are_up and self.outage.silent_for >= NODE_SILENT_AFTER:
            self._lose("it says nothing, and other nodes do")

    # Within.

    @property
    def _others_are_up(self) -> bool:
        """True if clients of this node, whose link is broken, can do better than to wait for it."""
        return self._pool.nodes.best.is_up

    def _begin(self, event: Established, transport: IStreamTransport) -> Link:
        if event.agreement is None:
            _log.info("link up: plain, client addresses do not cross it")
        else:
            _log.info("link up: typed, with {name}", name=event.agreement.instance)
        link = self.link = Link(
            event.agreement,
            event.token,
            self._settings,
            self._metrics,
            self._congestion,
            self.slot,
            self._at_end,
        )
        if self._pool.nodes.are_several:
            link.to = f" to {link.node or 'a plain peer'}"
        self._up(link, transport)
        return link

    def _resume(self, link: Link, got: int, transport: IStreamTransport) -> None:
        link.receipts.tell()
        link.queue.acknowledge(got)
        again = self._up(link, transport)
        self._metrics.resent += again
        _log.info(
            "link{to} resumed after {seconds} seconds: {again} packets sent again",
            to=link.to,
            seconds=round(self.outage.seconds),
            again=again,
        )

    def _up(self, link: Link, transport: IStreamTransport) -> int:
        self._is_up = True
        again = link.queue.attach(transport)
        full = link.queue.is_full
        self._pool.update_link(link, LinkStatus.CONGESTED if full else LinkStatus.WRITABLE)
        return again

    def _lose(self, reason: str) -> None:
        link, self.link = self.link, None
        assert link is not None
        self.given_up = link.token
        requests, streams = self._pool.lose(link)
        is_quiet = link.was_to_end and not requests and not streams
        _log.emit(
            LogLevel.info if is_quiet else LogLevel.warn,
            "link{to} down: {reason}; {lost} requests lost, answered 503{closed}",
            to=link.to,
            reason=reason,
            lost=requests,
            closed=f"; {streams} streams closed" if streams else "",
        )

    def _congestion(self, congested: bool) -> None:
        """The send queue of the link has passed its high-water mark, or its low-water mark."""
        link = self.link
        if link is None or not self._is_up:
            return
        if congested:
            _log.warn(
                "link{to} congested: {size} bytes wait, the oldest for {age} seconds; {who}",
                to=link.to,
                who="its clients wait" if link.to else "clients are paused",
                size=link.queue.outbox.size,
                age=round(link.queue.age),
            )
            self._pool.update_link(link, LinkStatus.CONGESTED)
        else:
            _log.info("link{to} writable again: clients are resumed", to=link.to)
            self._pool.update_link(link, LinkStatus.WRITABLE)


def _waiting(requests: int, streams: int) -> str:
    """Return who waits for a link, for the log."""
    return f"{requests} requests" + (f" and {streams} streams" if streams else "")
