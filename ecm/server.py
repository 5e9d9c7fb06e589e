"""One ECM: front ends for clients, the links that carry their requests, start and stop."""

import secrets
import time

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger

from ecm.frontend.about import About
from ecm.frontend.cut_off import CutOff
from ecm.frontend.draining import Draining
from ecm.frontend.factory import FrontendFactory
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.registry import Registry
from ecm.frontend.routes import make_routes
from ecm.frontend.tcp_factory import ProxiedTcpFactory, TcpFactory
from ecm.frontend.tracing import Tracing
from ecm.heap import Trimming
from ecm.limits import CLOSE_TIMEOUT, LAST_DRAIN_TIMEOUT, MAX_NODES
from ecm.log.level import set_level
from ecm.memory import MemoryWatch
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.net.reactor import ReactorCore
from ecm.net.served import share_attributes
from ecm.net.sockets import BatchedSockets
from ecm.net.transport import read_sparingly
from ecm.observer import Observer
from ecm.questions import ABOUT, LOG, TRACE, Answers, Words
from ecm.settings import Settings
from ecm.upstream.connector import LinkFactory, link_service
from ecm.upstream.lookup import Lookup
from ecm.upstream.members import Member, Members
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.release import Release

_log = Logger()


class Server:
    """Serves the connections of its ``factories``, between ``start`` and ``stop``.

    ``clients`` are all of these connections together, ``answers`` what it says when it is asked,
    and ``snapshot`` tells how it is.
    """

    def __init__(self, settings: Settings, reactor: ReactorCore) -> None:
        share_attributes()
        self._reactor = reactor
        self._settings = settings
        self._aborted: Deferred[None] = Deferred()
        self.clock = CoarseClock(reactor, time.time)
        # A random start, so that an answer meant for an earlier ECM finds nobody here. Erlang has
        # integers of up to 59 bits in one word.
        first_id = 1 + secrets.randbelow(2**58)
        self._metrics = Metrics()
        nodes = MAX_NODES if settings.has_several_nodes else 1
        self._pool = UpstreamPool(first_id, settings.queue_timeout, self.clock.now, nodes)
        self.clock.listen(self._pool.tick)
        self._sockets = BatchedSockets(reactor)
        routes = make_routes(settings.clients, self._pool, settings.link, settings.www)
        self._registry = Registry(
            routes, self.clock, settings.clients, self._metrics, self._sockets
        )
        self.clients = FrontendFactory(self._registry)
        self._pool.registerProducer(self.clients)
        self._cut_off = CutOff(self._registry, self._pool.nodes)
        self._draining = Draining(self._registry)
        self.answers = Answers()
        self.answers.add(LOG, self._set_log_level)
        self.answers.add(TRACE, Tracing(self._registry).answer)
        self.answers.add(ABOUT, About(self._registry, self._pool, reactor).answer)
        self.clock.listen(MemoryWatch(self._set_memory).tick)
        self.clock.listen(Trimming().tick)
        lookup = Lookup(reactor.nameResolver)
        self._links = Members(settings.upstream, self._member, lookup, reactor)
        observer = Observer(settings, self._registry, self._pool, self._links, self._metrics)
        self.snapshot = observer.snapshot

    def _set_memory(self, is_short: bool) -> None:
        """While memory is short nobody new comes, and those who are here take less of it."""
        self._registry.room.set_memory(is_short)
        read_sparingly(is_short)

    def _member(self, upstream: str) -> Member:
        """Return the node at an endpoint. Raises ValueError; and IndexError for one too many."""
        endpoint = clientFromString(self._reactor, upstream)
        batch = self._sockets.batch
        links = LinkFactory(
            self._pool, self.clock, self._settings.link, self._metrics, batch, upstream
        )
        return Member(links, link_service(endpoint, upstream, links, self._reactor))

    def factories(self) -> list[IProtocolFactory]:
        """Return a factory for each of the settings' endpoints, in their order."""
        settings, clients = self._settings, self.clients

        def streams(door: str) -> TcpFactory:
            return TcpFactory(clients.admission.at(door), self._pool)

        factories: list[IProtocolFactory] = [clients.at(door) for door in settings.listen]
        factories += [ProxiedFactory(clients.at(door)) for door in settings.proxy_protocol]
        factories += [streams(door) for door in settings.stream]
        proxied = settings.stream_proxy_protocol
        return factories + [ProxiedTcpFactory(streams(door)) for door in proxied]

    def start(self) -> None:
        self._sockets.start()
        self._links.startService()
        self.clock.start()

    def _set_log_level(self, to: Words) -> Words:
        set_level(to["level"], to["seconds"], self._reactor)
        return {}

    def drain(self, seconds: float) -> None:
        """Send all clients away within so many seconds, and serve those who come meanwhile."""
        self._draining.begin(seconds)

    def undrain(self) -> None:
        """Send nobody away any more."""
        self._draining.end()

    @property
    def is_linked(self) -> bool:
        """True while ejabberd can be asked, or will take requests soon."""
        return self._pool.nodes.best.is_up

    async def leave(self) -> None:
        """Begin a graceful shutdown: have all clients answered, and their connections closed.

        Clients may go on to connect here. They are served, each connection for one request.
        """
        _log.info(
            "stopping: {number} connections are closed behind their answers, within {seconds} s",
            number=len(self.clients),
            seconds=self._settings.drain_timeout,
        )
        drained = self._registry.drain()
        cut_off = self._cut_off.expect()
        await self._release(drained, cut_off, seconds=self._settings.drain_timeout)
        if cut_off.called and not drained.called:
            _log.info(
                "there is no link to ejabberd: {number} requests wait in vain, and get 503",
                number=len(self._pool),
            )
        else:
            await self._end(drained)

    async def stop(self) -> None:
        """Complete it: the same for those that have connected since; then close the links.

        Whoever listens must have stopped before.
        """
        self._pool.drain()
        drained = self._registry.drain()
        seconds = min(LAST_DRAIN_TIMEOUT, self._settings.drain_timeout)
        await self._release(drained, seconds=seconds)
        await self._end(drained)
        self._registry.abort_all()
        for link in self._pool.links:
            link.acknowledge()  # what it has not got, ejabberd gives back to its sessions
        stopped = maybeDeferred(self._links.stopService)
        await self._wait_for(stopped, seconds=CLOSE_TIMEOUT)
        self._pool.abort()  # if ejabberd takes nothing any more
        await stopped
        self.clock.stop()  # its last ticks abort what was closed before, and does not end
        self._sockets.stop()
        _log.info("ECM stopped: {metrics}", metrics=self._metrics.folded())

    def abort(self) -> None:
        """Turn a graceful shutdown into a fast one: wait no more for the requests in flight."""
        if not self._aborted.called:
            self._aborted.callback(None)

    async def _release(self, *events: Deferred[None], seconds: float) -> None:
        """Wait for one of the events, and have the requests in flight answered meanwhile."""
        release = Release(self._pool, self._reactor, seconds)
        release.start()
        await self._wait_for(*events, self._aborted, seconds=seconds)
        release.stop()

    async def _end(self, drained: Deferred[None]) -> None:
        """Answer 503 to what is still in flight, and reset what does not close then."""
        before = len(self._pool)
        self._registry.reject_pending()
        if len(self._pool) < before and not self._aborted.called:
            _log.warn(
                "the time is over: {number} requests and streams are cut off, and what is on its"
                " way to them may be lost",
                number=before - len(self._pool),
            )
        await self._wait_for(drained, seconds=CLOSE_TIMEOUT)
        self._registry.abort_leaving()

    async def _wait_for(self, *events: Deferred[None], seconds: float) -> None:
        """Wait for one of the events, at most so many seconds."""
        over: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, over.callback, None)
        await DeferredList([*events, over], fireOnOneCallback=True)
        if timer.active():
            timer.cancel()
