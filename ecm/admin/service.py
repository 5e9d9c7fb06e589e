"""The port of the admin endpoint."""

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger

from ecm.admin.metrics import metrics
from ecm.admin.pages import Pages
from ecm.admin.routes import ROUTES
from ecm.admin.site import AdminSite
from ecm.admin.trace import Trace
from ecm.errors import StartupError
from ecm.net.endpoints import server_endpoint
from ecm.net.listening import close_port
from ecm.net.reactor import ReactorCore
from ecm.operated import Operated

_log = Logger()

# Of a UNIX socket, which has a lock beside it.
_NOT_WRITTEN = "the user that ECM is may not write in its folder"

# A UNIX socket is for its owner and the group, where its endpoint does not say otherwise.
_MODE = ":mode=660"


class AdminService(Service):
    """Listens on an endpoint while ECM runs. The port is opened without privileges."""

    def __init__(
        self, endpoint: str, ecm: Operated, reactor: ReactorCore, per_worker: bool = False
    ) -> None:
        """``per_worker`` is --metrics-per-worker."""
        self._endpoint = with_mode(endpoint)
        self._reactor = reactor
        self._pages = Pages(ecm, reactor)
        more = {**self._pages.routes(), **Trace(ecm, reactor).routes(), **metrics(ecm, per_worker)}
        self._site = AdminSite(ecm, reactor, {**ROUTES, **more})
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        """Listen. Raises StartupError."""
        super().startService()
        failures: list[BaseException] = []
        listening = server_endpoint(self._reactor, self._endpoint, False).listen(self._site)
        listening.addCallbacks(self._listens, lambda failure: failures.append(failure.value))
        for why in failures:
            said = _NOT_WRITTEN if isinstance(why, PermissionError) else why
            raise StartupError(f"--admin {self._endpoint}: {said}") from None
        self._pages.start()

    def _listens(self, port: IListeningPort) -> None:
        self._port = port
        _log.info("operators: ecmctl --admin {endpoint}", endpoint=self._endpoint)

    def stopService(self) -> Deferred[None]:
        """Close the port, and remove a UNIX socket's file."""
        super().stopService()
        self._pages.stop()
        self._site.close()
        if self._port is None:
            return maybeDeferred(lambda: None)
        return close_port(self._port)


def with_mode(endpoint: str) -> str:
    """Return an endpoint that says which mode the file of a UNIX socket has."""
    if endpoint.startswith("unix:") and ":mode=" not in endpoint:
        return endpoint + _MODE
    return endpoint
