"""ECM in one process: a server that accepts by itself."""

import os
from collections.abc import Callable
from pathlib import Path

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, ensureDeferred, fail, maybeDeferred
from twisted.logger import Logger

from ecm.frontend.listen import Listening, listen, ports_of, stop_serving
from ecm.kernel import usage
from ecm.log.level import set_level
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

    ``again`` reads the settings again.
    """

    def __init__(
        self, settings: Settings, again: Callable[[], Settings], reactor: ReactorCore
    ) -> None:
        super().__init__()
        self.reloaded: Reloaded | None = None
        self._again = again
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
        self.ports = [
            listen(endpoint, factory, self._ports_of, *self._tls) for endpoint, factory in factories
        ]

    def startService(self) -> None:
        super().startService()
        self.server.start()

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
        why = "an ECM in one process, without --config, is restarted to change its settings"
        _log.error("reload: {why}; nothing has changed", why=why)
        return fail(ValueError(why))

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

    async def _stop(self) -> None:
        with fast_shutdown_on_signal(self._reactor, self.server.abort):
            await self.server.leave()
            for endpoint, listening in zip(self._endpoints, self.ports, strict=True):
                await stop_serving(endpoint, listening)
            await self.server.stop()
        await maybeDeferred(super().stopService)
