"""``twistd ecm``: the parts of ECM, put together, and their start and end."""

from typing import Any

from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService, Service
from twisted.application.strports import service as listening_service
from twisted.internet.defer import Deferred, ensureDeferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger

from ecm import __version__, memory, open_files
from ecm.config.command_line import Options
from ecm.errors import StartupError
from ecm.frontend.proxied import ProxiedFactory
from ecm.net.send_buffer import BoundedSendBuffer
from ecm.server import Instance
from ecm.settings import EcmSettings
from ecm.shutdown import hurried_by_signals
from ecm.workers.supervisor import Workers

__all__ = ["Options", "makeService"]

_log = Logger()


class OneProcess(MultiService):
    """ECM in this process: the link, the clients, and the ports on which they come."""

    def __init__(self, settings: EcmSettings, reactor: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self._instance = Instance(settings, reactor)
        self.clients = self._instance.clients
        for listen in settings.listen:
            _listening(listen, self.clients, reactor).setServiceParent(self)
        for listen in settings.proxy_protocol:
            proxied = ProxiedFactory(self.clients)
            _listening(listen, proxied, reactor).setServiceParent(self)

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except (CannotListenError, OSError, OverflowError) as error:
            raise StartupError(error) from None

    def startService(self) -> None:
        super().startService()
        self._instance.start()

    def stopService(self) -> Deferred[None]:
        """Drain, then stop: no new connections, and an answer for what is in flight."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        with hurried_by_signals(self._reactor, self._instance.hurry):
            for port in [each for each in self if isinstance(each, StreamServerEndpointService)]:
                await maybeDeferred(port.disownServiceParent)
            await self._instance.stop()
        await maybeDeferred(super().stopService)


def _listening(
    description: str, factory: IProtocolFactory, reactor: Any
) -> StreamServerEndpointService:
    """Return the service that listens."""
    service = listening_service(description, factory, reactor)
    service.endpoint = BoundedSendBuffer(service.endpoint)
    return service


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
    from twisted.internet import reactor

    files = open_files.raise_limit()
    workers = options["workers"]
    settings = memory.split(options.settings(), workers)
    ecm: MultiService
    if workers == 1:
        ecm = OneProcess(open_files.split(settings, files), reactor)
    else:
        shares = [
            open_files.split(settings, files, each, workers) for each in range(1, workers + 1)
        ]
        ecm = Workers(settings, shares, reactor)
    Announcement(options, files).setServiceParent(ecm)
    return ecm
