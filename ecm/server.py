"""One ECM: a link to ejabberd, and the clients whose requests go over it."""

import secrets
import time
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import clientFromString
from twisted.logger import Logger

from ecm.frontend.factory import ClientFactory
from ecm.frontend.pages import Pages
from ecm.limits import CLOSE_TIMEOUT
from ecm.net.batch import BatchedIO
from ecm.net.clock import CoarseClock
from ecm.settings import EcmSettings
from ecm.upstream.connector import LinkFactory, link_service
from ecm.upstream.table import ConnectionTable

_log = Logger()


class Instance:
    """Serves the connections that are made with ``clients``, between ``start`` and ``stop``."""

    def __init__(self, settings: EcmSettings, reactor: Any) -> None:
        self._reactor = reactor
        self._drain_timeout = settings.drain_timeout
        self._hurry: Deferred[None] = Deferred()
        self.clock = CoarseClock(reactor, time.time)
        # A random start, so that an answer meant for an earlier ECM finds nobody here. Erlang has
        # integers of up to 59 bits in one word.
        first_id = 1 + secrets.randbelow(2**58)
        self._table = ConnectionTable(first_id, settings.queue_timeout, self.clock.now)
        self.clock.listen(self._table.tick)
        pages = _pages(settings.www)
        self._batch = BatchedIO(reactor)
        self.clients = ClientFactory(self._table, self.clock, settings.clients, pages, self._batch)
        links = LinkFactory(self._table, self.clock, settings.link, self._batch)
        endpoint = clientFromString(reactor, settings.upstream)
        self._link = link_service(endpoint, settings.upstream, links, reactor)

    def start(self) -> None:
        self._batch.start()
        self._link.startService()
        self.clock.start()

    async def stop(self) -> None:
        """Drain, then stop: an answer for what is in flight. New connections end elsewhere."""
        await self._drain()
        self.clock.stop()
        _log.info("ECM stops: {counters}", counters=self._table.counters)
        stopped = maybeDeferred(self._link.stopService)
        await self._wait_for(stopped, seconds=CLOSE_TIMEOUT)
        self._table.abort_link()  # if ejabberd takes nothing any more
        await stopped
        self._batch.stop()

    def hurry(self) -> None:
        """Wait no more for what is in flight."""
        if not self._hurry.called:
            self._hurry.callback(None)

    async def _drain(self) -> None:
        """Wait for the requests in flight; then answer them 503, and cut what does not close."""
        self._table.drain()
        drained = self.clients.drain()
        await self._wait_for(drained, self._hurry, seconds=self._drain_timeout)
        self.clients.give_up()
        await self._wait_for(drained, seconds=CLOSE_TIMEOUT)
        self.clients.cut()

    async def _wait_for(self, *events: Deferred[None], seconds: float) -> None:
        """Wait for one of the events, or until the time is over."""
        over: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, over.callback, None)
        await DeferredList([*events, over], fireOnOneCallback=True)
        if timer.active():
            timer.cancel()


def _pages(folder: str | None) -> Pages | None:
    if folder is None:
        return None
    from ecm.frontend.web import WebPages  # twisted.web is large, and most do not need it

    return WebPages(folder)
