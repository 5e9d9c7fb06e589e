"""The way to ejabberd: connects the link, and connects it again, for as long as ECM runs."""

import os
import random
import secrets
import socket

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import CancelledError, Deferred
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
from ecm.link.connection import LinkConnection
from ecm.link.settings import LinkSettings
from ecm.net.batch import BatchedIO
from ecm.net.clock import CoarseClock
from ecm.upstream.protocol import LinkProtocol
from ecm.upstream.table import ConnectionTable

_log = Logger()


class LinkFactory(Factory):
    """Makes the protocol of each new link, and gives links the time.

    Without a ``batch`` the reactor itself reads links.
    """

    noisy = False

    def __init__(
        self,
        table: ConnectionTable,
        clock: CoarseClock,
        settings: LinkSettings,
        batch: BatchedIO | None = None,
    ) -> None:
        self._batch = batch
        self._table = table
        self._clock = clock
        self._settings = settings
        self._link: LinkProtocol | None = None
        clock.listen(self._tick)

    def buildProtocol(self, addr: IAddress | None) -> LinkProtocol:
        connection = LinkConnection(self._settings, _instance(), secrets.token_hex(16))
        self._link = LinkProtocol(self._table, self._clock, self._settings, connection)
        return self._link

    def up(self, link: LinkProtocol) -> None:
        """A link has come up."""
        if self._batch is not None:
            self._batch.add(link.transport)

    def _tick(self, now: float) -> None:
        if self._link is not None:
            self._link.tick(now)


def _instance() -> str:
    """Return this ECM's name for ejabberd's log."""
    return f"{socket.gethostname()[:200]}:{os.getpid()}"


@implementer(IStreamClientEndpoint)
class LinkEndpoint:
    """An endpoint whose connections are links that are up.

    It logs why there is none, once for each reason until there is one again. The factory that it
    is given makes a protocol that hears only of the end of the link.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, description: str, links: LinkFactory
    ) -> None:
        self._endpoint = endpoint
        self._description = description
        self._links = links
        self._reported = ""

    def __repr__(self) -> str:
        return self._description

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        greeted = self._endpoint.connect(self._links).addCallback(_greeted)
        return greeted.addCallbacks(self._up, self._failed, (protocolFactory,))

    def _up(self, link: LinkProtocol, factory: IProtocolFactory) -> IProtocol:
        self._reported = ""
        self._links.up(link)
        watcher = factory.buildProtocol(link.transport.getPeer())
        assert watcher is not None
        link.on_lost = watcher.connectionLost
        watcher.makeConnection(link.transport)
        return watcher

    def _failed(self, failure: Failure) -> Failure:
        why = failure.getErrorMessage()
        if why != self._reported and not failure.check(CancelledError):
            self._reported = why
            _log.warn(
                "no link to ejabberd at {upstream}, clients are answered 503: {why}",
                upstream=self._description,
                why=why,
            )
        return failure


def _greeted(link: IProtocol) -> Deferred[LinkProtocol]:
    assert isinstance(link, LinkProtocol)
    return link.ready


def _jitter() -> float:
    return random.uniform(0, limits.RECONNECT_JITTER)


def link_service(
    endpoint: IStreamClientEndpoint,
    description: str,
    links: LinkFactory,
    clock: IReactorTime | None = None,
) -> ClientService:
    """Return the service that keeps a link up; the log names the endpoint ``description``."""
    policy = backoffPolicy(
        initialDelay=limits.RECONNECT_DELAY_MIN,
        factor=limits.RECONNECT_FACTOR,
        maxDelay=limits.RECONNECT_DELAY_MAX,
        jitter=_jitter,
    )
    watchers = Factory.forProtocol(Protocol)
    watchers.noisy = False
    return ClientService(LinkEndpoint(endpoint, description, links), watchers, policy, clock)
