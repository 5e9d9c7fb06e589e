"""The watch over the link to one node: how it is, and since when."""

import attrs

from ecm.status.snapshot import LinkReport
from ecm.upstream.keeper import LinkKeeper
from ecm.upstream.link import LinkStatus
from ecm.upstream.pool import UpstreamPool


class LinkWatch:
    """Looks at every tick how the link of a keeper is. ``endpoint`` is where ECM connects."""

    def __init__(self, keeper: LinkKeeper, pool: UpstreamPool, endpoint: str, now: float) -> None:
        self._keeper = keeper
        self._pool = pool
        self._endpoint = endpoint
        self._status = LinkStatus.DOWN
        self._since = now
        self._full_since: float | None = None

    def tick(self, now: float) -> None:
        """Notice what is not as it was. A link that is full for a while stays up meanwhile."""
        link = self._keeper.link
        status = LinkStatus.DOWN if link is None else self._pool.links.get(link, LinkStatus.DOWN)
        before, self._status = self._status, status
        if status is before:
            return
        if not (status.is_up and before.is_up):
            self._since = now
        self._full_since = now if status is LinkStatus.CONGESTED else None

    def report(self, now: float, wall: float) -> LinkReport:
        """Return how it is now. ``wall`` is the same time in seconds since 1970."""
        self.tick(now)
        epoch, link = wall - now, self._keeper.link
        report = LinkReport(
            endpoint=self._endpoint,
            state=self._status.value,
            since=round(epoch + self._since),
            full_since=0.0 if self._full_since is None else round(epoch + self._full_since),
            error=self._keeper.error,
        )
        if link is None:
            return report
        return attrs.evolve(
            report,
            node=link.node,
            protocol="typed" if link.is_typed else "plain",
            round_trip=link.round_trip,
            queue_bytes=link.queue.outbox.size,
            requests=len(link.table),
            streams=len(link.streams),
        )
