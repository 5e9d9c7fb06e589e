"""The service that ``twistd ecm`` starts: a server in this process, or a supervisor of workers."""

from collections.abc import Iterable, Sequence

from twisted.application.service import MultiService, Service
from twisted.logger import Logger

from ecm import __version__, memory, open_files
from ecm.config.command_line import Options
from ecm.kernel import raise_open_files
from ecm.net.reactor import global_reactor, use_monotonic_time
from ecm.settings import Settings

__all__ = ["Options", "makeService"]

_log = Logger()


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
        streams = settings.stream + settings.stream_proxy_protocol
        _log.info("{files}", files=open_files.describe(self._files, settings.workers))
        _log.info(
            "ECM {version} serves BOSH on {paths}, WebSocket on {websockets}, at {listen}{streams},"
            " for ejabberd at {upstream}{workers}",
            version=__version__,
            paths=_shown(settings.clients.paths),
            websockets=_shown({*settings.clients.websocket_paths} - {*settings.clients.paths}),
            listen=" ".join(settings.listen + settings.proxy_protocol),
            streams=f", XMPP over TCP at {' '.join(streams)}" if streams else "",
            upstream=" ".join(settings.upstream),
            workers=f", with {settings.workers} workers" if settings.workers > 1 else "",
        )


def _shown(paths: Iterable[bytes]) -> str:
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
    # Each of the two is loaded where it is wanted: after the end of an ECM all clients wait for the
    # next one, and a supervisor without a server starts in three quarters of the time.
    if workers == 1:
        from ecm.one_process import OneProcess

        ecm = OneProcess(open_files.split(settings, files), reactor)
    else:
        from ecm.workers.supervisor import Supervisor

        shares = [open_files.split(settings, files, each) for each in range(1, workers + 1)]
        ecm = Supervisor(settings, shares, reactor)
    Announcement(settings, files, options.warnings).setServiceParent(ecm)
    return ecm
