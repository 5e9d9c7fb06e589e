"""The supervisor: listens, accepts, and has workers serve the connections."""

import atexit
import os

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ecm.limits import PULSE_CHECK
from ecm.log.level import set_level
from ecm.net.reactor import ReactorCore
from ecm.operated import OptionInForce, ProcessStatus, Reloaded, in_force
from ecm.questions import LOG, Words
from ecm.shutdown import fast_shutdown_on_signal
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Totals
from ecm.workers.drain import Drain
from ecm.workers.generations import Generations
from ecm.workers.inquiries import Inquiries
from ecm.workers.plan import Plan
from ecm.workers.ports import Ports
from ecm.workers.reload import Again, Reload

_log = Logger()


class Supervisor(MultiService):
    """ECM in several processes. ``again`` reads the plan again, for a reload."""

    def __init__(self, plan: Plan, again: Again, reactor: ReactorCore) -> None:
        super().__init__()
        self._plan = plan
        self._reactor = reactor
        self._drain = Drain(reactor)
        self._inquiries = Inquiries(reactor)
        self._generations = Generations(
            plan, self._drain, self._inquiries.told, self._workers_lost, reactor
        )
        self._ports = Ports(self._generations.assign, reactor)
        self._reload = Reload(again, self._generations, self._ports, self.set_log_level)
        self._stops = False
        self._looked_at = 0.0
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._ports.open(self._plan.settings)
        self._generations.current.start_at_once()

    def startService(self) -> None:
        super().startService()
        self._generations.current.serve()
        self._ports.accept()
        self._reload.start()
        self._looked_at = self._reactor.seconds()
        self._watch.start(PULSE_CHECK, now=False)

    def stopService(self) -> Deferred[None]:
        """Shut down gracefully: serve clients until the last moment, then retire all workers."""
        return ensureDeferred(self._stop())

    # What an operator sees of it (ecm.operated).

    def snapshots(self) -> list[Snapshot]:
        return self._generations.snapshots

    def totals(self) -> Totals:
        return self._generations.ledger.totals()

    def processes(self) -> list[ProcessStatus]:
        return self._generations.processes

    def options(self) -> list[OptionInForce]:
        settings = self._generations.current.plan.settings
        return in_force(settings.texts, settings.origins)

    @property
    def reloaded(self) -> Reloaded | None:
        return self._reload.last

    def reload(self) -> Deferred[list[str]]:
        return self._reload.request()

    def restart(self, number: int) -> None:
        slots = self._generations.current.slots
        if not 0 < number <= len(slots):
            raise ValueError(f"there is no worker {number}, they are 1 to {len(slots)}")
        slots[number - 1].restart()

    def drain(self, seconds: float) -> None:
        self._drain.begin(seconds)

    def undrain(self) -> None:
        self._drain.end()

    def set_log_level(self, level: str, seconds: float) -> None:
        set_level(level, seconds, self._reactor)  # workers that start from now on have it, too
        there = [*self._generations.workers, *self._generations.newcomers]
        self._inquiries.ask({LOG: {"level": level, "seconds": seconds}}, there)

    def ask(self, question: Words) -> Deferred[list[Words]]:
        return self._inquiries.ask(question, self._generations.workers)

    # Within.

    async def _stop(self) -> None:
        self._stops = True
        self._reload.stop()
        with fast_shutdown_on_signal(self._reactor, self._generations.abort):
            await self._generations.current.leave()
            self._ports.close()
            await self._generations.retire()
        self._watch.stop()
        await super().stopService()

    def _look(self) -> None:
        """Look for processes that hang, and for new certificates."""
        before, self._looked_at = self._looked_at, self._reactor.seconds()
        self._generations.look(self._looked_at - before)
        self._reload.look(self._looked_at - before)

    def _workers_lost(self) -> None:
        """Shut down: a new one would lack the privileges to read keys, and workers need one."""
        if not self._stops:
            _log.critical("worker fork server exited, and its spare; shutting down")
            atexit.register(os._exit, 1)  # twistd has no exit status for it
            self._reactor.stop()
