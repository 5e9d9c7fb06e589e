"""ECM in one process: a server that accepts by itself."""

import os
import time
from collections.abc import Callable
from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred, fail, maybeDeferred, succeed
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ecm.certificates import Certificates
from ecm.changes import Changes
from ecm.frontend.listen import Listening, listen_with, ports_of, stop_serving
from ecm.kernel import usage
from ecm.limits import CERTIFICATE_CHECK
from ecm.log.level import set_level
from ecm.net.endpoints import server_endpoint
from ecm.net.pems import renew
from ecm.net.reactor import ReactorCore
from ecm.operated import DRAINS, SERVES, OptionInForce, ProcessStatus, Reloaded, in_force
from ecm.questions import Words
from ecm.server import Server
from ecm.settings import Settings
from ecm.shutdown import fast_shutdown_on_signal
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Totals

_log = Logger()


class OneProcess(MultiService):
    """ECM in this process: a server, and the ports on which its clients connect.

    ``again`` reads the settings again, and returns what has changed; it raises ValueError.
    """

    def __init__(
        self, settings: Settings, again: Callable[[], Changes], reactor: ReactorCore
    ) -> None:
        super().__init__()
        self.reloaded: Reloaded | None = None
        self._again = again
        self._certificates = Certificates(settings)
        self._watch = LoopingCall(self._look)
        self._watch.clock = reactor
        self._made: list[IStreamServerEndpoint] = []
        self._settings = settings
        self._endpoints = settings.endpoints
        self._reactor = reactor
        self._is_drained = False
        self._tls = settings.lean_tls, settings.newest_tls
        self._ports_of = ports_of(reactor, settings.reuse_port)
        self.server = Server(settings, reactor)
        self.ports: list[Listening] = []

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        factories = zip(self._endpoints, self.server.factories(), strict=True)
        for endpoint, factory in factories:
            made = server_endpoint(self._ports_of, endpoint, *self._tls)
            self._made.append(made)
            self.ports.append(listen_with(made, endpoint, factory))

    def startService(self) -> None:
        super().startService()
        self.server.start()
        self._certificates.know()  # as the user sees them that ECM has become
        self._watch.start(CERTIFICATE_CHECK, now=False)

    def snapshots(self) -> list[Snapshot]:
        """Return what this process tells of itself."""
        return [self.server.snapshot()]

    def totals(self) -> Totals:
        return Totals({1: self.server.snapshot().metrics})

    def stopService(self) -> Deferred[None]:
        """Shut down gracefully: serve clients until the last moment, then stop the server."""
        return ensureDeferred(self._stop())

    # What an operator sees of it (ecm.operated).

    def processes(self) -> list[ProcessStatus]:
        pid = os.getpid()
        taken = usage(Path("/"), pid)
        state = DRAINS if self._is_drained else SERVES
        return [ProcessStatus(1, pid, state=state, rss=taken.rss, cpu=taken.cpu)]

    def options(self) -> list[OptionInForce]:
        return in_force(self._settings.texts, self._settings.origins)

    def reload(self) -> Deferred[list[str]]:
        """Take new certificates. Everything else needs a restart, and is named."""
        try:
            done = self._reload_certificates()
        except ValueError as error:
            self.reloaded = Reloaded(False, time.time())
            _log.error("reload: {why}; nothing has changed", why=error)
            return fail(error)
        self.reloaded = Reloaded(True, time.time())
        for line in done:
            _log.info("reload: {line}", line=line)
        return succeed(done)

    def restart(self, number: int) -> None:
        raise ValueError("there are no workers: restart ECM itself")

    def drain(self, seconds: float) -> None:
        self._is_drained = True
        self.server.drain(seconds)

    def undrain(self) -> None:
        self._is_drained = False
        self.server.undrain()

    def set_log_level(self, level: str, seconds: float) -> None:
        set_level(level, seconds, self._reactor)

    def ask(self, question: Words) -> Deferred[list[Words]]:
        answer = self.server.answers.answer(question)
        return answer.addCallback(lambda words: [{"process": 1, **words}])

    def _reload_certificates(self) -> list[str]:
        """Return what was done. Raises ValueError."""
        changes = self._again()
        done = [
            f"--{name} has changed: that needs a restart of an ECM in one process"
            for name in (*changes.names, *changes.fixed)
        ]
        if self._certificates.have_changed():
            done.append(self._renew())
        return done or ["nothing has changed"]

    def _renew(self) -> str:
        """Let new connections have the certificates that are there now. Raises ValueError."""
        for number, pems in self._certificates.read().items():
            renew(self._made[number], self._endpoints[number], pems, self._settings.lean_tls)
        return f"new connections get the certificates of {self._certificates.endpoints}"

    def _look(self) -> None:
        """Look for new certificates."""
        if self._certificates.have_just_changed():
            try:
                _log.info("{line}", line=self._renew())
            except ValueError as error:
                _log.error("reload: {why}; nothing has changed", why=error)

    async def _stop(self) -> None:
        self._watch.stop()
        with fast_shutdown_on_signal(self._reactor, self.server.abort):
            await self.server.leave()
            for endpoint, listening in zip(self._endpoints, self.ports, strict=True):
                await stop_serving(endpoint, listening)
            await self.server.stop()
        await maybeDeferred(super().stopService)
