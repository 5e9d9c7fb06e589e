"""The service that ``twistd ecm`` starts: a server in this process, or a supervisor of workers."""

import os
import pwd
import signal
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import IProcess, MultiService, Service
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from ecm import __version__, memory, open_files, signals, systemd
from ecm.changes import Changes
from ecm.config.command_line import Options, warnings
from ecm.errors import StartupError
from ecm.kernel import raise_open_files
from ecm.log.begin import of_twistd as log_of_twistd
from ecm.log.file import reopen
from ecm.net.reactor import ReactorCore, global_reactor, use_monotonic_time
from ecm.notifier import Notifier
from ecm.settings import Settings
from ecm.workers.plan import Plan

if TYPE_CHECKING:
    from ecm.one_process import OneProcess
    from ecm.workers.supervisor import Supervisor

    Ecm = OneProcess | Supervisor

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


class Signalled(Service):
    """Does what the operator says by signals. SIGTERM and SIGINT are Twisted's."""

    def __init__(
        self,
        log_file: LogFile | None,
        reload: Callable[[], Deferred[list[str]]],
        reactor: ReactorCore,
    ) -> None:
        """The log goes to a file, or to none."""
        self._log_file = log_file
        self._reload_again = reload
        self._reactor = reactor

    def privilegedStartService(self) -> None:
        meanings = {signal.SIGHUP: self._reload, signal.SIGUSR1: self._reopen_log}
        signals.hear(self._reactor, meanings)

    def _reload(self) -> None:
        _log.info("SIGHUP: reloading")
        self._reload_again().addErrback(lambda _: None)  # the log has it

    def _reopen_log(self) -> None:
        if self._log_file is None:
            _log.info("SIGUSR1: the log goes to no file, so there is none to open anew")
            return
        try:
            reopen(self._log_file)
        except OSError as error:
            _log.error("SIGUSR1: going on in the old log file: {error}", error=error)
        else:
            _log.info("SIGUSR1: log file opened anew: {file}", file=self._log_file.path)


class Root(MultiService):
    """All that twistd starts.

    twistd asks its application for the observer of the log, and for the user that it is to become
    when the ports are open, unless it was told another one (--uid).
    """

    def __init__(self, observer: ILogObserver | None, user: str | None) -> None:
        super().__init__()
        self._observer = observer
        self._user = user

    def setServiceParent(self, parent: Any) -> None:
        if isinstance(parent, Componentized):
            if self._observer is not None:
                parent.setComponent(ILogObserver, self._observer)
            if self._user is not None:
                self._be(pwd.getpwnam(self._user), IProcess(parent))
        super().setServiceParent(parent)

    def _be(self, user: pwd.struct_passwd, process: Any) -> None:
        if user.pw_uid != os.getuid():
            process.uid, process.gid = user.pw_uid, user.pw_gid


def _shown(paths: Iterable[bytes]) -> str:
    """Return the paths for the log, without the spellings that end with a slash."""
    return " ".join(sorted({path.decode().rstrip("/") or "/" for path in paths}))


def _plan(settings: Settings, files: int) -> Plan:
    """Return what each worker is to have of the settings, and of so many open files."""
    split = memory.split(settings)
    shares = [open_files.split(split, files, each) for each in range(1, settings.workers + 1)]
    said = warnings(settings) + open_files.warnings(settings, files)
    return Plan(settings, tuple(shares), tuple(said))


def makeService(options: Options) -> MultiService:
    """Return the service that ``options`` describe; nothing of it has been started."""
    files = raise_open_files()
    if complaint := open_files.complaint(files):
        raise StartupError(complaint)
    settings = options.settings
    reactor = global_reactor()
    use_monotonic_time(reactor)
    observer, log_file = log_of_twistd(settings.log, options.parent or {}, reactor)
    root = Root(observer, settings.user)
    ecm: Ecm
    # Each of the two is loaded where it is wanted: after the end of an ECM all clients wait for the
    # next one, and a supervisor without a server starts in three quarters of the time.
    plan = _plan(settings, files)
    if settings.workers == 1 and settings.config is None and settings.admin is None:
        from ecm.one_process import OneProcess

        ecm = OneProcess(
            plan.shares[0], lambda: Changes.between(settings, options.again()), reactor
        )
    else:
        from ecm.workers.supervisor import Supervisor

        ecm = Supervisor(plan, lambda: _plan(options.again(), files), reactor)
    Signalled(log_file, ecm.reload, reactor).setServiceParent(ecm)
    if settings.admin is not None:
        # The same, with a server for HTTP of Twisted's.
        from ecm.admin.service import AdminService

        admin = AdminService(settings.admin, ecm, reactor, settings.metrics_per_worker)
        admin.setServiceParent(ecm)
    # The last: what it says is so.
    said = options.warnings + open_files.warnings(settings, files)
    Announcement(settings, files, said).setServiceParent(ecm)
    if systemd.is_notified():
        watchdog = systemd.watchdog_seconds()
        notifier = Notifier(ecm, settings.drain_timeout, systemd.notify, watchdog, reactor)
        notifier.setServiceParent(root)
    ecm.setServiceParent(root)
    return root
