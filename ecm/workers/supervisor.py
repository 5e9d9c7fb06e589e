"""The supervisor: listens, accepts, and has workers serve the connections."""

import atexit
import os

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, fail
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ecm.frontend.listen import is_kept, listen_at_once, ports_of
from ecm.limits import PULSE_CHECK
from ecm.log.level import set_level
from ecm.net.listening import DetachedPort
from ecm.net.reactor import ReactorCore
from ecm.operated import OptionInForce, ProcessStatus, in_force
from ecm.questions import LOG, Words
from ecm.settings import Settings
from ecm.shutdown import fast_shutdown_on_signal
from ecm.status.snapshot import Snapshot
from ecm.workers.acceptor import Acceptor
from ecm.workers.crew import Crew
from ecm.workers.drain import Drain
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.inquiries import Inquiries
from ecm.workers.slot import WorkerSlot

_log = Logger()


class WorkersFactory(ServerFactory):
    """Listens for the workers, whose own factories make the protocols."""

    noisy = False


class Supervisor(MultiService):
    """ECM in several processes. ``shares`` are the settings of each worker."""

    def __init__(self, settings: Settings, shares: list[Settings], reactor: ReactorCore) -> None:
        super().__init__()
        self._settings = settings
        self._reactor = reactor
        timeout = settings.worker_timeout
        self._fork_server = ForkServerClient(self._fork_server_lost, timeout, reactor)
        self._drain = Drain(reactor)
        self._inquiries = Inquiries(reactor)
        crew = Crew(self._fork_server, self._drain, self._inquiries.told, reactor)
        self._balancer = crew.balancer
        self._slots = [WorkerSlot(number, share, crew) for number, share in enumerate(shares, 1)]
        self._acceptors: list[Acceptor] = []
        self._stops = False
        self._looked_at = 0.0
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        self._acceptors = [
            self._acceptor(number, endpoint)
            for number, endpoint in enumerate(self._settings.endpoints)
        ]
        self._fork_server.start(self._settings)

    def startService(self) -> None:
        super().startService()
        self._fork_server.listen()
        for slot in self._slots:
            slot.spawn()
        for acceptor in self._acceptors:
            acceptor.startReading()
        self._looked_at = self._reactor.seconds()
        self._watch.start(PULSE_CHECK, now=False)

    def snapshots(self) -> list[Snapshot]:
        """Return the last snapshot of each worker that has told one, by number."""
        told = (slot.snapshot for slot in self._slots)
        return [each for each in told if each is not None]

    def stopService(self) -> Deferred[None]:
        """Shut down gracefully: serve clients until the last moment, then retire all workers."""
        return ensureDeferred(self._stop())

    # What an operator sees of it (ecm.operated).

    def processes(self) -> list[ProcessStatus]:
        return [each for slot in self._slots for each in slot.status]

    def options(self) -> list[OptionInForce]:
        return in_force(self._settings.texts, self._settings.origins)

    def reload(self) -> Deferred[list[str]]:
        return fail(ValueError("ECM has to be restarted to change its settings"))

    def restart(self, number: int) -> None:
        slot = next((slot for slot in self._slots if slot.number == number), None)
        if slot is None:
            raise ValueError(f"there is no worker {number}, they are 1 to {len(self._slots)}")
        slot.restart()

    def drain(self, seconds: float) -> None:
        self._drain.begin(seconds)

    def undrain(self) -> None:
        self._drain.end()

    def set_log_level(self, level: str, seconds: float) -> None:
        set_level(level, seconds, self._reactor)
        self.ask({LOG: {"level": level, "seconds": seconds}})

    def ask(self, question: Words) -> Deferred[list[Words]]:
        return self._inquiries.ask(question, {slot.number: slot.ask for slot in self._slots})

    async def _stop(self) -> None:
        self._stops = True
        with fast_shutdown_on_signal(self._reactor, self._abort):
            await DeferredList([slot.leave() for slot in self._slots])
            for endpoint, acceptor in zip(self._settings.endpoints, self._acceptors, strict=True):
                if not is_kept(endpoint):
                    acceptor.accept_waiting()
                acceptor.close()
            await DeferredList([slot.retire() for slot in self._slots])
        self._watch.stop()
        self._fork_server.stop()
        await super().stopService()

    def _look(self) -> None:
        """Look for processes that hang."""
        before, self._looked_at = self._looked_at, self._reactor.seconds()
        for slot in self._slots:
            slot.look(self._looked_at - before)
        self._fork_server.look(self._looked_at - before)

    def _abort(self) -> None:
        for slot in self._slots:
            slot.abort()

    def _acceptor(self, listener: int, endpoint: str) -> Acceptor:
        """Listen on an endpoint, and return what accepts its connections."""
        ports = ports_of(self._reactor, self._settings.reuse_port)
        port = listen_at_once(endpoint, WorkersFactory(), ports)

        def assign(family: int, connection: int) -> bool:
            return self._balancer.assign(listener, family, connection)

        return Acceptor(DetachedPort(port), assign, self._reactor)

    def _fork_server_lost(self) -> None:
        """Shut down: a new one would lack the privileges to read keys, and workers need one."""
        if not self._stops:
            _log.critical("worker fork server exited, and its spare; shutting down")
            atexit.register(os._exit, 1)  # twistd has no exit status for it
            self._reactor.stop()
