"""Connects a link to ejabberd, and again with growing pauses, for as long as ECM runs."""

import os
import random
import re
import secrets
import socket
from typing import Final

from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm import limits
from ecm.link.connection import PERHAPS_PLAIN, LinkConnection
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.net.batch import BatchedIO, at_once
from ecm.net.clock import CoarseClock
from ecm.net.reconnecting import QuietClientService
from ecm.upstream.brake import Brake
from ecm.upstream.ends import why_none
from ecm.upstream.keeper import LinkKeeper
from ecm.upstream.link import LinkStatus
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.protocol import LinkProtocol, LinkRefused
from ecm.upstream.reasons import reason
from ecm.upstream.watch import LinkWatch

_log = Logger()

_NUMBER: Final = re.compile(r"\d+")


# Errors of an attempt that ECM has given up itself; the second comes while a name is looked up.
_CANCELLED: Final = (CancelledError, ConnectingCancelledError)


class LinkFactory(Factory):
    """Makes the protocol of each connection to one node, one at a time, and ticks it.

    Without a ``batch`` the reactor itself reads links. ``endpoint`` is its name for those who watch
    it. Raises IndexError if the pool has no room for another node.
    """

    noisy = False

    def __init__(
        self,
        pool: UpstreamPool,
        clock: CoarseClock,
        settings: LinkSettings,
        metrics: Metrics,
        batch: BatchedIO | None = None,
        endpoint: str = "",
    ) -> None:
        self._batch = batch
        self._pool = pool
        self._clock = clock
        self._settings = settings
        self._metrics = metrics
        self._keeper = LinkKeeper(pool, settings, metrics, batch.at_end if batch else at_once)
        self.watch = LinkWatch(self._keeper, pool, endpoint, clock.now)
        self._link: LinkProtocol | None = None
        self._is_leaving = False
        # The likely cause if there is none; once there has been one, it is not.
        self._hint = PERHAPS_PLAIN
        clock.listen(self._tick)

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol | None:
        if self._is_leaving:
            return None  # the node gets no other link
        nonce = secrets.token_hex(16)
        previous, over = self._keeper.previous, self._keeper.given_up
        connection = LinkConnection(self._settings, _instance(), nonce, previous, self._hint, over)
        self._link = LinkProtocol(
            self._keeper, self._pool, self._clock, self._settings, self._metrics, connection
        )
        return self._link

    def established(self, link: LinkProtocol) -> None:
        """A link is established: it is read in batches with all other sockets."""
        self._hint = ""
        if self._batch is not None:
            self._batch.add(link.transport)

    def failed(self, failure: Failure) -> None:
        """There is no connection, or none that can be used."""
        why = failure.value
        self._keeper.outage.attempted(why_none(why) == "refused")
        if failure.check(*_CANCELLED):
            return
        self._keeper.error = reason(why)
        if not failure.check(LinkRefused):  # otherwise there was one, which has ended
            self._metrics.link_ends[why_none(why)] += 1

    def leave(self) -> None:
        """The node has gone, or will: it answers the requests that it has, and gets no more."""
        self._is_leaving = True
        link = self._keeper.link
        if link is not None:
            link.is_final = link.was_to_end = True
            self._pool.update_link(link, LinkStatus.DRAINING)
        self._keeper.give_up("its node has gone")
        if self._link is not None and self._link.connected and not self._link.ready.called:
            self._link.transport.abortConnection()  # it would begin another link

    @property
    def is_idle(self) -> bool:
        """True while nobody waits for an answer of the node, or has a stream to it."""
        return self._keeper.link is None or not self._keeper.link.in_flight

    def close(self) -> None:
        """Leave the place to another node. The connection has been closed."""
        self._clock.ignore(self._tick)
        self._pool.nodes.leave(self._keeper.slot)

    def _tick(self, now: float) -> None:
        if self._link is not None:
            self._link.tick(now)
        self._keeper.tick(now)
        self.watch.tick(now)


def _instance() -> str:
    """Return this ECM's name for ejabberd's log."""
    return f"{socket.gethostname()[:200]}:{os.getpid()}"


@implementer(IStreamClientEndpoint)
class LinkEndpoint:
    """An endpoint whose connections are established links, for ClientService.

    ClientService must not count a link as connected before hello is answered: otherwise it would
    connect again at once to an ejabberd that accepts and hangs up. Its own means for that,
    ``prepareConnection``, cannot be used: with Twisted 26.10 a peer that closes before it has fired
    raises NoTransition out of connectionLost. So this endpoint fires once the link is established,
    with a protocol of ClientService's factory, the watcher. No data goes to it: through it
    ClientService hears of the end of the link.

    The endpoint logs why there is no link, once for each reason until there is one again.
    """

    def __init__(
        self,
        endpoint: IStreamClientEndpoint,
        description: str,
        links: LinkFactory,
        clock: IReactorTime,
    ) -> None:
        self._endpoint = endpoint
        self._description = description
        self._links = links
        self._clock = clock
        self._reported: set[str] = set()

    def __repr__(self) -> str:
        return self._description

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        connected = self._endpoint.connect(self._links)
        connected.addTimeout(limits.CONNECT_TIMEOUT, self._clock)
        ready = connected.addCallback(_ready)
        return ready.addCallbacks(self._established, self._failed, (protocolFactory,))

    def _established(self, link: LinkProtocol, factory: IProtocolFactory) -> IProtocol:
        self._reported.clear()
        self._links.established(link)
        watcher = factory.buildProtocol(link.transport.getPeer())
        assert watcher is not None
        link.on_lost = watcher.connectionLost
        watcher.makeConnection(link.transport)
        return watcher

    def _failed(self, failure: Failure) -> Failure:
        self._links.failed(failure)
        why = reason(failure.value)
        if self._is_news(why) and not failure.check(*_CANCELLED):
            _log.warn(
                "no link to ejabberd at {upstream}: {why}; requests wait, and get 503 in time",
                upstream=self._description,
                why=why,
            )
        return failure

    def _is_news(self, why: str) -> bool:
        """Return whether a reason has not been logged since there was a link.

        Another program there may say something else each time, such as a number that it invents.
        """
        known = _NUMBER.sub("0", why)
        if known in self._reported or len(self._reported) >= limits.MAX_NO_LINK_REASONS:
            return False
        self._reported.add(known)
        return True


def _ready(link: IProtocol) -> Deferred[LinkProtocol]:
    assert isinstance(link, LinkProtocol)
    return link.ready


class _Pauses:
    """The pauses before attempts to connect one link."""

    def __init__(self, description: str, clock: IReactorTime) -> None:
        self._description = description
        self._clock = clock
        self._brake = Brake()
        self._is_braked = False

    def before(self, attempt: int) -> float:
        """Return the seconds before an attempt, the first after the last link being 1."""
        pause = _growing(attempt)
        if attempt == 1:
            pause = max(pause, self._braked())
        return pause * (1 + random.uniform(0, limits.RECONNECT_JITTER))

    def _braked(self) -> float:
        """A link has broken. Returns the pause after links that have not lasted."""
        pause = self._brake.pause(self._clock.seconds())
        if pause and not self._is_braked:
            _log.warn(
                "the link to ejabberd at {upstream} breaks again and again as soon as it is up:"
                " ECM connects once a second",
                upstream=self._description,
            )
        self._is_braked = pause > 0
        return pause


def _growing(attempt: int) -> float:
    growth = limits.RECONNECT_FACTOR ** (attempt - 1)
    pause = min(limits.RECONNECT_DELAY_MIN * growth, limits.RECONNECT_DELAY_WAITING)
    beyond = min(max(0, attempt - limits.RECONNECT_ATTEMPTS), 100)
    return min(pause * limits.RECONNECT_FACTOR**beyond, limits.RECONNECT_DELAY_MAX)


def link_service(
    endpoint: IStreamClientEndpoint,
    description: str,
    links: LinkFactory,
    clock: IReactorTime,
) -> ClientService:
    """Return the service that keeps a link up; the log names the endpoint ``description``."""
    watchers = Factory.forProtocol(Protocol)
    watchers.noisy = False
    links_only = LinkEndpoint(endpoint, description, links, clock)
    return QuietClientService(links_only, watchers, _Pauses(description, clock).before, clock)
