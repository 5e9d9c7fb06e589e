"""The HTTP server of the admin endpoint, within limits of bytes, connections and time."""

import socket
from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IAddress, IPushProducer, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, HTTPFactory, Request
from zope.interface import implementer

from ecm.admin.asked import Asked, Follow, Reply, refused
from ecm.admin.guard import guarded
from ecm.admin.routes import ROUTES, Route
from ecm.limits import (
    ADMIN_TIMEOUT,
    MAX_ADMIN_BODY,
    MAX_ADMIN_CONNECTIONS,
    MAX_UNREAD,
    REPLY_TIMEOUT,
)
from ecm.operated import Operated

_log = Logger()

# For all replies: nobody keeps them, nor takes them for another type.
_HEADERS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))


@implementer(IPushProducer)
class Reader:
    """The operator who reads a reply that goes on. One who reads nothing any more is let go of."""

    def __init__(self, request: "AdminRequest") -> None:
        self._request = request
        self._stalled = False
        self._unread = 0

    def write(self, data: bytes) -> None:
        """Send a piece of the reply."""
        if self._stalled:
            self._unread += len(data)
        if self._unread > MAX_UNREAD:
            self._request.channel.forceAbortClient()
        else:
            self._request.write(data)

    def pauseProducing(self) -> None:
        self._stalled = True

    def resumeProducing(self) -> None:
        self._stalled = False
        self._unread = 0

    def stopProducing(self) -> None:
        """The connection has closed, which the request hears, too."""


class AdminRequest(Request):
    """A request, which is answered by the handler of its path. No body is wanted."""

    def __init__(self, site: "AdminSite", *args: Any) -> None:
        super().__init__(*args)
        self._site = site
        self._size = 0

    def gotLength(self, length: int | None) -> None:
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > MAX_ADMIN_BODY:
            self.channel.forceAbortClient()

    def process(self) -> None:
        # In a turn of its own: many in one piece would let nobody else have theirs.
        asked = deferLater(self._site.clock, 0, self._asked)
        replied: Deferred[Reply] = asked.addCallback(self._site.reply)
        replied.addTimeout(REPLY_TIMEOUT, self._site.clock)
        replied.addErrback(_reply_to_failure).addCallback(self._reply)
        self.notifyFinish().addErrback(lambda _: replied.cancel())

    def _asked(self) -> Asked:
        headers = {
            name.decode("latin-1").lower(): values[-1].decode("latin-1")
            for name, values in self.requestHeaders.getAllRawHeaders()
        }
        query = {
            name.decode(errors="replace"): values[-1].decode(errors="replace")
            for name, values in self.args.items()
        }
        return Asked(
            # Twisted leaves the body of a reply to HEAD out.
            "GET" if self.method == b"HEAD" else self.method.decode("latin-1"),
            self.path.decode("latin-1"),
            query,
            headers,
            not isinstance(self.channel.getHost(), UNIXAddress),
        )

    def _reply(self, reply: Reply) -> None:
        if self._disconnected:
            return
        self.setResponseCode(reply.status.value, reply.status.phrase.encode())
        self.setHeader("Content-Type", reply.kind)
        if reply.follow is None:
            self.setHeader("Content-Length", f"{len(reply.body)}")
        for name, value in (*_HEADERS, *reply.headers):
            self.setHeader(name, value)
        self.write(reply.body)
        if reply.follow is None:
            self.finish()
        else:
            self._follow(reply.follow)

    def _follow(self, follow: Follow) -> None:
        reader = Reader(self)
        self.registerProducer(reader, True)
        following = follow(reader.write)
        following.addErrback(_broken_off)
        self.notifyFinish().addErrback(lambda _: following.cancel())
        following.addCallback(self._end)

    def _end(self, _: None) -> None:
        if not self._disconnected:
            self.unregisterProducer()
            self.finish()


class AdminChannel(HTTPChannel):
    """A connection of an operator."""

    factory: "AdminSite"

    def connectionMade(self) -> None:
        super().connectionMade()
        self.factory.opened(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.factory.closed(self)
        super().connectionLost(reason)


class AdminSite(HTTPFactory):
    """Serves an ECM to its operator. The oldest of too many connections makes way."""

    protocol: Any = AdminChannel
    noisy = False

    def __init__(
        self, ecm: Operated, reactor: IReactorTime, routes: Mapping[str, Route] = ROUTES
    ) -> None:
        super().__init__(timeout=ADMIN_TIMEOUT, reactor=reactor)
        self.clock = reactor
        self._ecm = ecm
        self._routes = routes
        # Its full name would be a question to the DNS, for which the start would wait.
        self._names = {socket.gethostname().lower()}
        self._open: dict[AdminChannel, None] = {}

    def buildProtocol(self, addr: IAddress | None) -> Any:
        channel: Any = super().buildProtocol(addr)
        channel.requestFactory = partial(AdminRequest, self)
        return channel

    def log(self, request: Request) -> None:
        """Keep no access log: a monitoring asks every few seconds."""

    def opened(self, channel: AdminChannel) -> None:
        """A connection was made."""
        self._open[channel] = None
        if len(self._open) > MAX_ADMIN_CONNECTIONS:
            # It says later that it has closed, and more of them may come before.
            oldest = next(iter(self._open))
            self.closed(oldest)
            oldest.forceAbortClient()

    def closed(self, channel: AdminChannel) -> None:
        """A connection has closed."""
        self._open.pop(channel, None)

    def close(self) -> None:
        """Close all connections."""
        for channel in tuple(self._open):
            channel.forceAbortClient()

    def reply(self, asked: Asked) -> Reply | Deferred[Reply]:
        """Answer a request. Raises ValueError where it is not one that its handler takes."""
        route = self._routes.get(asked.path)
        refusal = guarded(asked, self._names, route is not None and route.is_open)
        if refusal is not None:
            return refusal
        if route is None:
            known = " ".join(sorted(self._routes))
            return refused(HTTPStatus.NOT_FOUND, f"there is no {asked.path}, but {known}")
        if asked.method != route.method:
            return refused(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{asked.path} takes {route.method}",
                ("Allow", route.method if route.method == "POST" else "GET, HEAD"),
            )
        return route.handler(self._ecm, asked)


def _broken_off(failure: Failure) -> None:
    if failure.check(CancelledError) is None:
        _log.failure("error in ECM; breaking off a reply to the operator", failure)


def _reply_to_failure(failure: Failure) -> Reply:
    if failure.check(ValueError):
        return refused(HTTPStatus.BAD_REQUEST, failure.getErrorMessage())
    if failure.check(CancelledError, TimeoutError):
        return refused(HTTPStatus.GATEWAY_TIMEOUT, "it takes too long; the log may say why")
    _log.failure("error in ECM; a request of the operator has no answer", failure)
    return refused(HTTPStatus.INTERNAL_SERVER_ERROR, "error in ECM: its log says more")
