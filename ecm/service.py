"""The service that ``twistd ecm`` starts: a server in this process, or a supervisor of workers."""

from collections.abc import Sequence

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.logger import Logger

from ecm import __version__, memory, open_files
from ecm.config.command_line import Options
from ecm.frontend.listen import Listening, listen, ports_of, stop_serving
from ecm.kernel import raise_open_files
from ecm.net.reactor import ReactorCore, global_reactor, use_monotonic_time
from ecm.server import Server
from ecm.settings import Settings
from ecm.shutdown import fast_shutdown_on_signal
from ecm.workers.supervisor import Supervisor

__all__ = ["Options", "makeService"]

_log = Logger()


class OneProcess(MultiService):
    """ECM in this process: a server, and the ports on which its clients connect."""

    def __init__(self, settings: Settings, reactor: ReactorCore) -> None:
        super().__init__()
        self._endpoints = settings.endpoints
        self._reactor = reactor
        self._ports_of = ports_of(reactor, settings.reuse_port)
        self.server = Server(settings, reactor)
        self.ports: list[Listening] = []

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        factories = zip(self._endpoints, self.server.factories(), strict=True)
        self.ports = [listen(endpoint, factory, self._ports_of) for endpoint, factory in factories]

    def startService(self) -> None:
        super().startService()
        self.server.start()

    def stopService(self) -> Deferred[None]:
        """Shut down gracefully: serve clients until the last moment, then stop the server."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        with fast_shutdown_on_signal(self._reactor, self.server.abort):
            await self.server.leave()
            for endpoint, listening in zip(self._endpoints, self.ports, strict=True):
                await stop_serving(endpoint, listening)
            await self.server.stop()
        await maybeDeferred(super().stopService)


class Announcement(Service):
    """Logs at start-up what this ECM does, for how many connections, and what is not safe."""

    def __init__(self, settings: Settings, files: int, warnings: Sequence[str]) -> None:
        self._settings = settings
        self._files = files
        self._warnings = warnings

    def startService(self) -> None:
        super().startService()
        for warning in self._warnings:
            _log.warn("{text}", text=warning)
        settings = self._settings
        _log.info("{files}", files=open_files.describe(self._files, settings.workers))
        _log.info(
            "ECM {version} serves BOSH on {paths} at {listen}, for ejabberd at {upstream}{workers}",
            version=__version__,
            paths=_shown(settings.clients.paths),
            listen=" ".join(settings.listen + settings.proxy_protocol),
            upstream=" ".join(settings.upstream),
            workers=f", with {settings.workers} workers" if settings.workers > 1 else "",
        )


def _shown(paths: frozenset[bytes]) -> str:
    """Return the paths for the log, without the spellings that end with a slash."""
    return " ".join(sorted({path.decode().rstrip("/") or "/" for path in paths}))


def makeService(options: Options) -> MultiService:
    """Return the service that ``options`` describe; nothing of it has been started."""
    files = raise_open_files()
    workers = options.settings.workers
    settings = memory.split(options.settings)
    reactor = global_reactor()
    use_monotonic_time(reactor)
    ecm: MultiService
    if workers == 1:
        ecm = OneProcess(open_files.split(settings, files), reactor)
    else:
        shares = [open_files.split(settings, files, each) for each in range(1, workers + 1)]
        ecm = Supervisor(settings, shares, reactor)
    Announcement(settings, files, options.warnings).setServiceParent(ecm)
    return ecm
