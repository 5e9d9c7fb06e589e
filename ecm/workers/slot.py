"""The slot of a worker: the process in it, and when it is respawned."""

from itertools import count

import attrs
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ecm.limits import (
    MAX_WORKERS,
    MIN_UPTIME,
    READY_TIMEOUT,
    RESPAWN_DELAY_MAX,
    RESPAWN_DELAY_MIN,
)
from ecm.log.level import THRESHOLD
from ecm.operated import STARTING, ProcessStatus
from ecm.settings import Settings
from ecm.status.snapshot import Snapshot
from ecm.workers import control
from ecm.workers.crew import Crew
from ecm.workers.orders import SpawnOrder
from ecm.workers.running import RunningWorker

_log = Logger()


class Backoff:
    """The delays before a slot's respawns, in seconds: exponential, and 0 after a steady worker."""

    def __init__(self) -> None:
        self._next = 0.0

    def delay(self, uptime: float) -> float:
        """Return the delay after a worker that ran for ``uptime`` seconds."""
        if uptime >= MIN_UPTIME:
            self._next = 0.0
        delay = self._next
        self._next = min(max(RESPAWN_DELAY_MIN, 2 * delay), RESPAWN_DELAY_MAX)
        return delay


class WorkerSlot:
    """One of the workers, by its number.

    ``worker`` is the one that serves, or is about to; while it starts, or after its start, there
    may be former ones, which it replaces.
    """

    def __init__(self, number: int, settings: Settings, crew: Crew) -> None:
        self.number = number
        self.restarts = 0
        self.worker: RunningWorker | None = None
        self._settings = settings
        self._crew = crew
        self._reactor = crew.loop
        # Those of the processes: other slots have the numbers in between.
        self._numbers = count(number, MAX_WORKERS)
        self._backoff = Backoff()
        self._former: list[RunningWorker] = []
        self._respawn: IDelayedCall | None = None
        self._patience: IDelayedCall | None = None  # the time that a successor has for its link
        self._stops = False

    @property
    def status(self) -> list[ProcessStatus]:
        """The worker and those that it replaces, as an operator sees them, and it first."""
        found = [each.status for each in self.workers]
        if self.worker is None:
            generation = self._crew.generation
            found.insert(0, ProcessStatus(self.number, 0, generation, STARTING))
        return [attrs.evolve(each, restarts=self.restarts) for each in found]

    @property
    def workers(self) -> list[RunningWorker]:
        """The worker, and those that it replaces; it first, where there is one."""
        return self._former if self.worker is None else [self.worker, *self._former]

    @property
    def snapshots(self) -> list[Snapshot]:
        """The last that each of them has told of itself."""
        told = [(each, each.report.snapshot) for each in self.workers]
        return [
            snapshot.as_former() if worker.retires or self._crew.makes_way else snapshot
            for worker, snapshot in told
            if snapshot is not None
        ]

    def renew(self) -> None:
        """Give the newest certificates to the workers that get connections."""
        for worker in self.workers:
            if not worker.retires:
                worker.renew()

    def spawn(self) -> None:
        """Start a worker. It is assigned connections once it has reported its load."""
        self.worker = self._respawn = None
        levels = THRESHOLD.levels(self._reactor)
        order = SpawnOrder(next(self._numbers), self._settings, self.number, levels)
        try:
            self.worker = RunningWorker(order, self._crew, self)
        except OSError as error:  # too many open files
            self._spawn_again(f"could not be started: {error.strerror}", uptime=0)

    def restart(self) -> None:
        """Replace the worker: it shuts down gracefully as soon as its successor has a link.

        One that is about to be replaced, or has ended, already has a successor.
        """
        if self._stops or self.worker is None or self._patience is not None:
            return
        self._former.append(self.worker)
        self._patience = self._reactor.callLater(READY_TIMEOUT, self._retire_former)
        self.spawn()

    def leave(self) -> Deferred[None]:
        """Have the worker close the connections that it has. Fires then, or once it has ended.

        It goes on to serve new ones, until it is retired, and is not respawned.
        """
        self.stay_empty()
        return succeed(None) if self.worker is None else self.worker.leave()

    def retire(self) -> Deferred[list[tuple[bool, None]]]:
        """Shut the worker down gracefully. Fires once it has ended; it is not respawned."""
        self.stay_empty()
        return DeferredList([each.retire() for each in self.workers])

    def abort(self) -> None:
        """Turn the worker's graceful shutdown into a fast one."""
        for worker in self.workers:
            worker.send(control.ABORT)

    def look(self, seconds: float) -> None:
        """Look whether the worker lives, so many seconds after the last look."""
        for worker in self.workers:
            worker.look(seconds)

    @property
    def is_linked(self) -> bool:
        """True if the worker serves, and has a link."""
        return self.worker is not None and self.worker.is_linked

    def stay_empty(self) -> None:
        """Respawn nothing any more."""
        self._stops = True
        self._retire_former()
        if self._respawn is not None:
            self._respawn.cancel()
            self._respawn = None

    # From its workers.

    def told(self, worker: RunningWorker) -> None:
        if worker is self.worker and worker.is_linked:
            self._retire_former()

    def signalled(self, worker: RunningWorker) -> None:
        _log.info(
            "worker {number} was signalled to end; shutting down gracefully", number=self.number
        )
        if worker is self.worker:
            self.restart()

    def ended(self, worker: RunningWorker, how: str) -> None:
        if worker in self._former:
            self._former.remove(worker)
            self.restarts += 1
            self._crew.ledger.replaced()
            _log.info("worker {number} {how}; another one serves", number=self.number, how=how)
            return
        self.worker = None
        if not self._stops:
            self.restarts += 1
            self._crew.ledger.restarted(how)
            self._spawn_again(how, self._reactor.seconds() - worker.started_at)

    # Within.

    def _spawn_again(self, how: str, uptime: float) -> None:
        """Start a worker in the place of one that has ended after so many seconds."""
        delay = self._backoff.delay(uptime)
        self._respawn = self._reactor.callLater(delay, self.spawn)
        _log.warn(
            "worker {number} {how}; respawning in {delay} s",
            number=self.number,
            how=how,
            delay=delay,
        )

    def _retire_former(self) -> None:
        """Shut down the worker that has a successor."""
        if self._patience is not None and self._patience.active():
            self._patience.cancel()
        self._patience = None
        for worker in self._former:
            if not worker.retires:
                worker.retire()
