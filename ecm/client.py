"""The clients' side: HTTP connections, and the requests that come in on them.

A connection has one request in flight at a time; what is pipelined behind it waits its turn, so
answers go out in the order of the requests (RFC 9112, section 9.3.2).
"""

from collections.abc import Callable
from typing import Protocol as Interface

from twisted.internet.interfaces import IAddress, IConsumer, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.python.failure import Failure

from ecm import bosh
from ecm.request import Request, RequestError, RequestParser
from ecm.response import CLOSE, KEEP, KEEP_HTTP10, not_found
from ecm.table import ConnectionTable, NoLink


class IClientTransport(ITCPTransport, IPushProducer, IConsumer):
    """What Twisted's stream transports are, TCP and TLS alike."""


class PageExchange(Interface):
    """A request that is no BOSH, and is being answered from elsewhere."""

    finished: bool

    def client_gone(self, reason: Failure) -> None:
        """The connection has closed before the answer was complete."""


# Starts the answer to a request on a transport; the bytes are a Connection header line or nothing.
# The callable is called once the answer is complete.
Pages = Callable[[IClientTransport, Request, bytes, Callable[[], None]], PageExchange]


class ClientProtocol(Protocol):
    """One connection of a client."""

    # There may be hundreds of thousands of these, nearly all of them waiting for an answer.
    __slots__ = (
        "_backlog",
        "_connection",
        "_factory",
        "_id",
        "_page",
        "_parser",
        "_waiting",
        "connected",
        "transport",
    )

    transport: IClientTransport

    def __init__(self, factory: "ClientFactory") -> None:
        self._factory = factory
        # The ID on the link, once a request has needed one.
        self._id = 0
        # The Connection header line of the answer in flight, or of the last one.
        self._connection = KEEP
        # The answer in flight comes over the link, or is a page.
        self._waiting = False
        self._page: PageExchange | None = None
        # A request that is not complete, and complete ones behind the answer in flight.
        self._parser: RequestParser | None = None
        self._backlog: list[Request | RequestError] | None = None

    def dataReceived(self, data: bytes) -> None:
        parser = self._parser or RequestParser(self._factory.max_body)
        try:
            for request in parser.feed(data):
                self._arrived(request)
        except RequestError as error:
            self._arrived(error)
        self._parser = None if parser.idle else parser

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._backlog = self._parser = None
        if self._waiting:
            self._waiting = False
            self._factory.table.forget(self._id)
        elif self._page is not None:
            self._page.client_gone(reason)
            self._page = None

    # What the table calls.

    def answered(self, content: bytes) -> None:
        """Give the session's answer to the client."""
        self._waiting = False
        self._reply(bosh.answer(content, self._connection))
        self._go_on()

    def unanswered(self) -> None:
        """Tell the client that the link has gone. No answer may be taken for this one's."""
        self._waiting = False
        self._id = 0
        self._reply(bosh.unavailable(self._connection))
        self._go_on()

    # One request after the other.

    def _arrived(self, arrived: Request | RequestError) -> None:
        if self._connection is CLOSE:
            return  # nothing counts behind the last request (RFC 9112, section 9.6)
        if not self._busy:
            self._begin(arrived)
        elif self._backlog is None:
            self._backlog = [arrived]
            self.transport.pauseProducing()
        else:
            self._backlog.append(arrived)

    @property
    def _busy(self) -> bool:
        return self._waiting or self._page is not None

    def _go_on(self) -> None:
        """Begin what has waited behind the answer that has just been given."""
        backlog, self._backlog = self._backlog, None
        if backlog is None:
            return
        for arrived in backlog:
            self._arrived(arrived)
        if self._backlog is None:
            self.transport.resumeProducing()

    def _begin(self, arrived: Request | RequestError) -> None:
        if isinstance(arrived, RequestError):
            self._connection = CLOSE
            self._reply(bosh.refusal(arrived))
            return
        self._connection = _persistence(arrived)
        if arrived.path in self._factory.paths:
            self._begin_bosh(arrived)
        else:
            self._begin_page(arrived)

    def _begin_bosh(self, request: Request) -> None:
        if request.method != b"POST":
            self._reply(bosh.without_session(request, self._connection))
            return
        table = self._factory.table
        self._id = self._id or table.new_id()
        self._waiting = True
        try:
            table.request(self._id, self, request.body)
        except NoLink:
            self._waiting = False
            self._reply(bosh.unavailable(self._connection))

    def _begin_page(self, request: Request) -> None:
        pages = self._factory.pages
        if pages is None:
            self._reply(not_found(self._connection, head=request.method == b"HEAD"))
            return
        page = pages(self.transport, request, self._connection, self._page_done)
        if page.finished:
            self._settle()
        else:
            self._page = page

    def _page_done(self) -> None:
        if self._page is not None:  # else it was done at once, and _begin_page sees to it
            self._page = None
            self._settle()
            self._go_on()

    def _reply(self, response: bytes) -> None:
        self.transport.write(response)
        self._settle()

    def _settle(self) -> None:
        """The answer in flight has been written."""
        if self._connection is CLOSE:
            self.transport.loseConnection()


class ClientFactory(ServerFactory):
    """Makes the protocols of the clients' connections.

    ``paths`` are those that take BOSH; the others go to ``pages``, or are answered 404 where that
    is None. ``max_body`` is in bytes.
    """

    noisy = False

    def __init__(
        self,
        table: ConnectionTable,
        paths: frozenset[bytes],
        max_body: int,
        pages: Pages | None = None,
    ) -> None:
        self.table = table
        self.paths = paths
        self.max_body = max_body
        self.pages = pages

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        return ClientProtocol(self)


def _persistence(request: Request) -> bytes:
    if not request.keep_alive:
        return CLOSE
    return KEEP_HTTP10 if request.http10 else KEEP
