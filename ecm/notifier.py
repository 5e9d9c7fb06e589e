"""Tells systemd how ECM is: when it is ready, in a few words what it does, that it lives and stops.

systemd kills an ECM of which it hears nothing (WatchdogSec=), and starts another one.
"""

from collections.abc import Callable, Sequence

from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from ecm.limits import (
    CLOSE_TIMEOUT,
    LAST_DRAIN_TIMEOUT,
    NOTIFY_INTERVAL,
    READY_ANYWAY,
    WATCHDOG_PARTS,
)
from ecm.operated import STARTING, Operated
from ecm.status.snapshot import Snapshot


class Notifier(Service):
    """Tells it with ``tell``. ``watchdog`` is how soon it must be told again, 0 if it need not be.

    ECM is ready once it has a link, or after READY_ANYWAY seconds: clients can wait for a link, and
    ejabberd may come later. It lives while this reactor turns, and at least one process serves.
    """

    def __init__(
        self,
        ecm: Operated,
        drain_timeout: float,
        tell: Callable[..., object],
        watchdog: float,
        clock: IReactorTime,
    ) -> None:
        self._ecm = ecm
        self._drain_timeout = drain_timeout
        self._tell = tell
        self._is_watched = watchdog > 0
        self._interval = min(NOTIFY_INTERVAL, watchdog / WATCHDOG_PARTS or NOTIFY_INTERVAL)
        self._clock = clock
        self._begins = LoopingCall(self._look_whether_ready)
        self._goes_on = LoopingCall(self._say)
        self._begins.clock = self._goes_on.clock = clock
        self._since = 0.0
        self._said = ""

    def startService(self) -> None:
        super().startService()
        self._since = self._clock.seconds()
        self._begins.start(1, now=False)

    def stopService(self) -> None:
        """Say that ECM stops, and how long that may take."""
        for loop in (self._begins, self._goes_on):
            if loop.running:
                loop.stop()
        # The two rounds of a shutdown, and the closing of connections after each, and of the link.
        seconds = self._drain_timeout + LAST_DRAIN_TIMEOUT + 4 * CLOSE_TIMEOUT
        self._tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")
        super().stopService()

    def _look_whether_ready(self) -> None:
        has_link = any(link.up for each in self._ecm.snapshots() for link in each.links)
        if has_link or self._clock.seconds() - self._since >= READY_ANYWAY:
            self._begins.stop()
            self._said = summary(self._ecm.snapshots())
            self._tell("READY=1", f"STATUS={self._said}")
            self._goes_on.start(self._interval)

    def _say(self) -> None:
        said = summary(self._ecm.snapshots())
        if said != self._said:
            self._said = said
            self._tell(f"STATUS={said}")
        if self._is_watched and any(each.state != STARTING for each in self._ecm.processes()):
            self._tell("WATCHDOG=1")


def summary(snapshots: Sequence[Snapshot]) -> str:
    """Return what there is in a few words: ``12,345 connections, 2 of 2 links``."""
    connections = sum(each.connections.open for each in snapshots)
    links = [link for each in snapshots for link in each.links]
    up = sum(link.up for link in links)
    return f"{connections:,} connections, {up} of {len(links)} links"
