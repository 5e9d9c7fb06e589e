"""Exchanges: requests in flight, each with its response; and the handlers that respond."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, Protocol

from ecm.http.request import Request, require_whole
from ecm.http.response import service_unavailable

if TYPE_CHECKING:
    from ecm.frontend.ordering import OrderedConnection

_METHODS: Final = frozenset(("get", "head", "options", "post"))

# A response in parts: each is asked for when the client has taken the one before.
Parts = Generator[bytes, None, None]


class BrokenResponse(Exception):
    """A response in parts that has begun cannot be completed."""


class Exchange:
    """A request in flight, until its response is written.

    ``connection_header`` is a header line of the response. ``response`` is set as soon as it is
    known; an earlier request of the connection may still wait for its own.
    """

    __slots__ = ("connection", "connection_header", "response")

    def __init__(self, connection: "OrderedConnection", connection_header: bytes) -> None:
        self.connection = connection
        self.connection_header = connection_header
        self.response: bytes | Parts | None = None

    # Called by handlers.

    def headers(self) -> bytes:
        """Return the header lines that every response has: Date and Connection."""
        return self.connection.common_headers(self)

    def take_whole(self, request: Request) -> None:
        """Count a request that does not go upstream, whose body must be all there.

        Raises RequestError where the body is too long to be read.
        """
        method = request.head.method.lower().decode("latin-1")
        methods = self.connection.registry.metrics.methods
        methods[method if method in _METHODS else "other"] += 1
        require_whole(request)

    def count_status(self, status: str) -> None:
        """Count a response that is not an answer of ejabberd."""
        self.connection.registry.metrics.responses[status] += 1

    def respond(self, response: bytes | Parts) -> None:
        """Give the response, as a whole or in parts. Who gives parts counts it."""
        if isinstance(response, bytes):
            self.count_status(response[9:12].decode("latin-1"))  # HTTP/1.1 200 OK
        self.response = response
        self.connection.pump()

    def drop(self) -> None:
        """Close the connection at once, without a response."""
        self.connection.transport.abortConnection()

    # Called by the connection.

    def reject(self, why: str) -> None:
        """Respond 503."""
        self.respond(service_unavailable(why, self.headers()))

    def release(self) -> None:
        """The connection is to close: have the response come soon, if it depends on others."""

    def half_closed(self) -> None:
        """The client has closed its end of the connection. It may wait for the response, or not."""

    def cancel(self, reason: str) -> None:
        """Nobody waits for the response any more, for a reason of ``close`` in ecm.link.message."""
        if isinstance(self.response, Generator):
            self.response.close()


class Handler(Protocol):
    """Responds to the requests for some paths."""

    @property
    def exchange(self) -> type[Exchange]:
        """The class of its exchanges."""

    def handle(self, exchange: Any, request: Request) -> None:
        """Respond, now or later.

        ``exchange`` is new, and of the handler's class. Raises RequestError where the request is
        not one that it takes.
        """
