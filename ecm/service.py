"""``twistd ecm``: the parts of ECM, put together, and their start and end."""

import resource
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
from twisted.application.internet import StreamServerEndpointService
from twisted.application.service import MultiService
from twisted.application.strports import service as listening_service
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred, maybeDeferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import CannotListenError
from twisted.logger import Logger

from ecm import __version__
from ecm.client import Pages
from ecm.clients import ClientFactory
from ecm.clock import Clock
from ecm.limits import RESERVED_FILES
from ecm.options import Options
from ecm.proxied import ProxiedFactory
from ecm.settings import ClientSettings
from ecm.table import ConnectionTable
from ecm.upstream import LinkFactory, link_service

__all__ = ["Options", "makeService"]

# Seconds from the last answer to the end of the connection, at most, when ECM stops.
LAST_WORDS = 2


class CannotStart(SystemExit, Exception):
    """Ends twistd with one line and status 1.

    Twistd in the foreground shows a traceback of everything but SystemExit; as a daemon it tells
    the waiting parent only of an Exception.
    """


class EcmService(MultiService):
    """ECM as a whole: the link, the clients, and the ports on which they come."""

    _log = Logger()

    def __init__(self, options: Options, clients: ClientFactory, reactor: Any) -> None:
        super().__init__()
        self._options = options
        self._clients = clients
        self._reactor = reactor
        self._hurry: Deferred[None] = Deferred()

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except (CannotListenError, OSError, OverflowError) as error:
            raise CannotStart(f"twistd ecm: {error}") from None

    def startService(self) -> None:
        super().startService()
        self._clients.clock.start()
        self._log.info(
            "ECM {version} serves BOSH on {paths} at {listen}, for ejabberd at {upstream}",
            version=__version__,
            paths=" ".join(self._options["path"]),
            listen=" ".join([*self._options["listen"], *self._options["proxy-protocol"]]),
            upstream=self._options["upstream"],
        )

    def stopService(self) -> Deferred[None]:
        """Drain, then stop: no new connections, and an answer for what is in flight."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        with self._hurried_by_signals():
            for port in [each for each in self if isinstance(each, StreamServerEndpointService)]:
                await maybeDeferred(port.disownServiceParent)
            await self._drain()
        self._clients.clock.stop()
        self._log.info("ECM stops: {counters}", counters=self._clients.table.counters)
        stopped = maybeDeferred(super().stopService)
        await self._wait_for(stopped, seconds=LAST_WORDS)
        self._clients.table.abort_link()  # if ejabberd takes nothing any more
        await stopped

    async def _drain(self) -> None:
        """Wait for the requests in flight; then answer them 503, and cut what does not close."""
        self._clients.table.drain()
        drained = self._clients.drain()
        await self._wait_for(drained, self._hurry, seconds=self._options["drain-timeout"])
        self._clients.give_up()
        await self._wait_for(drained, seconds=LAST_WORDS)
        self._clients.cut()

    async def _wait_for(self, *events: Deferred[None], seconds: float) -> None:
        """Wait for one of the events, or until the time is over."""
        over: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, over.callback, None)
        await DeferredList([*events, over], fireOnOneCallback=True)
        if timer.active():
            timer.cancel()

    @contextmanager
    def _hurried_by_signals(self) -> Iterator[None]:
        """A second signal, while draining, ends it at once."""

        def hurry(*_: object) -> None:
            self._reactor.callFromThread(self._be_quick)

        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, hurry) for number in numbers]
        yield
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)

    def _be_quick(self) -> None:
        if not self._hurry.called:
            self._hurry.callback(None)


def makeService(options: Options) -> EcmService:
    """Return the service that ``options`` describe; nothing of it has been started."""
    from twisted.internet import reactor

    clock = Clock(reactor, time.time)
    # A random start, so that an answer meant for an earlier ECM finds nobody here. Erlang has
    # integers of up to 59 bits in one word.
    first_id = 1 + secrets.randbelow(2**58)
    table = ConnectionTable(first_id, options["queue-timeout"], clock.now)
    clock.listen(table.tick)
    clients = ClientFactory(table, clock, _settings(options), _pages(options["www"]))
    ecm = EcmService(options, clients, reactor)
    upstream = options["upstream"]
    links = LinkFactory(table, clock, options.link)
    endpoint = clientFromString(reactor, upstream)
    link_service(endpoint, upstream, links, reactor).setServiceParent(ecm)
    for listen in options["listen"]:
        listening_service(listen, clients, reactor).setServiceParent(ecm)
    for listen in options["proxy-protocol"]:
        listening_service(listen, ProxiedFactory(clients), reactor).setServiceParent(ecm)
    return ecm


def _settings(options: Options) -> ClientSettings:
    """Let no more connections in than there can be open files."""
    settings = options.clients
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    room = max(1, files - RESERVED_FILES)
    most = min(settings.limits.max_connections or room, room)
    return attrs.evolve(settings, limits=attrs.evolve(settings.limits, max_connections=most))


def _pages(folder: str | None) -> Pages | None:
    if folder is None:
        return None
    from ecm.web import WebPages  # twisted.web is large, and most do not need it

    return WebPages(folder)
