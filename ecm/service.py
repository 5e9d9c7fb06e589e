"""``twistd ecm``: the parts of ECM, put together."""

import secrets
from typing import Any

from twisted.application.service import MultiService
from twisted.application.strports import service as listening_service
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ecm import __version__
from ecm.client import ClientFactory, Pages
from ecm.options import Options
from ecm.packet import HEADER_SIZE
from ecm.table import ConnectionTable
from ecm.upstream import link_service

__all__ = ["Options", "makeService"]


class CannotStart(SystemExit, Exception):
    """Ends twistd with one line and status 1.

    Twistd in the foreground shows a traceback of everything but SystemExit; as a daemon it tells
    the waiting parent only of an Exception.
    """


class EcmService(MultiService):
    """ECM as a whole: the link, then the ports on which it listens."""

    _log = Logger()

    def __init__(self, options: Options, table: ConnectionTable) -> None:
        super().__init__()
        self._options = options
        self._table = table

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except (CannotListenError, OSError, OverflowError) as error:
            raise CannotStart(f"twistd ecm: {error}") from None

    def startService(self) -> None:
        super().startService()
        self._log.info(
            "ECM {version} serves BOSH on {paths} at {listen}, for ejabberd at {upstream}",
            version=__version__,
            paths=" ".join(self._options["path"]),
            listen=" ".join(self._options["listen"]),
            upstream=self._options["upstream"],
        )

    def stopService(self) -> Any:
        self._log.info("ECM stops: {counters}", counters=self._table.counters)
        return super().stopService()


def makeService(options: Options) -> EcmService:
    """Return the service that ``options`` describe; nothing of it has been started."""
    from twisted.internet import reactor

    # A random start, so that an answer meant for an earlier ECM finds nobody here.
    table = ConnectionTable(first_id=1 + secrets.randbelow(2**63))
    ecm = EcmService(options, table)
    upstream, max_packet = options["upstream"], options["max-packet"]
    endpoint = clientFromString(reactor, upstream)
    link_service(endpoint, upstream, table, max_packet, reactor).setServiceParent(ecm)
    clients = ClientFactory(
        table, _both_spellings(options["path"]), max_packet - HEADER_SIZE, _pages(options["www"])
    )
    for listen in options["listen"]:
        listening_service(listen, clients, reactor).setServiceParent(ecm)
    return ecm


def _both_spellings(paths: list[str]) -> frozenset[bytes]:
    """Each path without and with a slash at its end: clients are given either."""
    bare = [path.rstrip("/").encode() for path in paths]
    return frozenset(bare) | frozenset(path + b"/" for path in bare)


def _pages(folder: str | None) -> Pages | None:
    if folder is None:
        return None
    from ecm.web import WebPages  # twisted.web is large, and most do not need it

    return WebPages(folder)
