"""``twistd ecm``: the parts of ECM, put together, and their start and end."""

from twisted.application.service import MultiService, Service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.logger import Logger

from ecm import __version__, memory, open_files
from ecm.config.command_line import Options
from ecm.net.reactor import ReactorCore, global_reactor
from ecm.server import Listening, Server, listen, stop_listening
from ecm.settings import EcmSettings
from ecm.shutdown import fast_shutdown_on_signal
from ecm.workers.supervisor import Supervisor

__all__ = ["Options", "makeService"]

_log = Logger()


class OneProcess(MultiService):
    """ECM in this process: a server, and the ports on which its clients connect."""

    def __init__(self, settings: EcmSettings, reactor: ReactorCore) -> None:
        super().__init__()
        self._endpoints = settings.endpoints
        self._reactor = reactor
        self.server = Server(settings, reactor)
        self.ports: list[Listening] = []

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        factories = zip(self._endpoints, self.server.factories(), strict=True)
        self.ports = [listen(endpoint, factory, self._reactor) for endpoint, factory in factories]

    def startService(self) -> None:
        super().startService()
        self.server.start()

    def stopService(self) -> Deferred[None]:
        """Shut down gracefully: accept no new connections, then stop the server."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        with fast_shutdown_on_signal(self._reactor, self.server.abort):
            for listening in self.ports:
                await stop_listening(listening)
            await self.server.stop()
        await maybeDeferred(super().stopService)


class Announcement(Service):
    """Says in the log, once all is started, what ECM does, and for how many."""

    def __init__(self, options: Options, files: int) -> None:
        self._options = options
        self._files = files

    def startService(self) -> None:
        super().startService()
        options = self._options
        for warning in options.warnings:
            _log.warn("{warning}", warning=warning)
        workers = options["workers"]
        _log.info("{files}", files=open_files.describe(self._files, workers))
        _log.info(
            "ECM {version} serves BOSH on {paths} at {listen}, for ejabberd at {upstream}{workers}",
            version=__version__,
            paths=" ".join(self._options["path"]),
            listen=" ".join([*self._options["listen"], *self._options["proxy-protocol"]]),
            upstream=self._options["upstream"],
            workers=f", with {workers} workers" if workers > 1 else "",
        )


def makeService(options: Options) -> MultiService:
    """Return the service that ``options`` describe; nothing of it has been started."""
    files = open_files.raise_limit()
    workers = options["workers"]
    settings = memory.split(options.settings(), workers)
    reactor = global_reactor()
    ecm: MultiService
    if workers == 1:
        ecm = OneProcess(open_files.split(settings, files), reactor)
    else:
        shares = [
            open_files.split(settings, files, each, workers) for each in range(1, workers + 1)
        ]
        ecm = Supervisor(settings, shares, reactor)
    Announcement(options, files).setServiceParent(ecm)
    return ecm
