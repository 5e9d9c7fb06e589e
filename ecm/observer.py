"""The observer of a server: what it tells of itself, as a snapshot."""

import os
import resource

from ecm import __version__
from ecm.frontend.census import census
from ecm.frontend.registry import Registry
from ecm.kernel import open_files
from ecm.log.warnings import WARNINGS
from ecm.metrics import Metrics
from ecm.operated import DRAINS, SERVES
from ecm.settings import Settings
from ecm.status.snapshot import Certificate, DoorReport, Snapshot
from ecm.upstream.members import Members
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.traffic import count_traffic


class Observer:
    """Looks at the parts of one server when it is asked. It keeps nothing, and changes nothing."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        pool: UpstreamPool,
        members: Members,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._pool = pool
        self._members = members
        self._metrics = metrics
        self._clock = registry.clock
        self._started = round(registry.clock.wall)
        self._files_limit = max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0])  # -1 is none

    def snapshot(self) -> Snapshot:
        """Return what is to be told at this moment."""
        registry, pool, clock = self._registry, self._pool, self._clock
        links = tuple(
            each.links.watch.report(clock.now, clock.wall) for each in self._members.present()
        )
        return Snapshot(
            pid=os.getpid(),
            started=self._started,
            version=__version__,
            state=DRAINS if registry.draining or registry.sends_away else SERVES,
            connections=census(registry),
            held=sum(each.requests for each in links),
            parked=len(pool.queue),
            parked_bytes=pool.queue.size,
            buffered_bytes=registry.budget.total,
            refusal=pool.pressure.refusal,
            is_full=registry.room.is_full,
            lag=round(clock.lag, 2),
            open_files=open_files(),
            open_files_limit=self._files_limit,
            metrics=self._counted(),
            links=links,
            doors=tuple(self._door(endpoint) for endpoint in self._settings.endpoints),
            warnings=tuple(WARNINGS.recent()),
            node_stats={node: {**numbers} for node, numbers in pool.insight.node_stats.items()},
        )

    def _door(self, endpoint: str) -> DoorReport:
        door = self._registry.doors.get(endpoint)
        told = () if door is None else door.contexts.certificates
        certificates = tuple(Certificate(name, not_after) for name, not_after in told)
        return DoorReport(endpoint, self._metrics.accepted[endpoint], certificates)

    def _counted(self) -> Metrics:
        """Return the counters, with those of the links that are there."""
        metrics = self._metrics.folded()
        for link in self._pool.links:
            count_traffic(link, metrics)
        return metrics
