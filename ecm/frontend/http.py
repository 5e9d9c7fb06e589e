"""A client's connection, and the requests that come in on it.

Requests that a client pipelines go out at once, each under an ID of its own, and are answered in
the order in which they came (RFC 9112, section 9.3.2).
"""

from typing import Protocol as Interface

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    ISSLTransport,
)
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.frontend import bosh_response as bosh
from ecm.frontend.connection import Connections, Phase
from ecm.frontend.exchange import Exchange
from ecm.frontend.page_connection import PageConnection
from ecm.frontend.pages import Pages
from ecm.frontend.settings import FrontendSettings
from ecm.http.head_cache import HeadCache
from ecm.http.incoming import Incoming
from ecm.http.request import Request, RequestError, too_long
from ecm.http.response import CLOSE, CONTINUE, KEEP, KEEP_HTTP10, not_found
from ecm.limits import MAX_PIPELINED
from ecm.link.message import GAVE_UP, GONE, request_line, truncated
from ecm.net.clock import CoarseClock
from ecm.net.transport import (
    drop_log_prefix,
    peer_of,
    unsent,
)
from ecm.upstream.pool import Unavailable, UpstreamPool

LEFT = "The client has closed its end of the connection"
DRAINING = "This front end is stopping"
CROWDED = "This front end has too much to do"


class Server(Connections, Interface):
    """What a client's connection needs of the server that it is connected to."""

    pool: UpstreamPool
    clock: CoarseClock
    settings: FrontendSettings
    head_cache: HeadCache
    pages: Pages | None
    reads: bool
    drains: bool


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class ClientProtocol(PageConnection):
    """One connection of a client."""

    # There may be hundreds of thousands of these, nearly all of them waiting for an answer.
    __slots__ = (
        "_exchanges",
        "_id",
        "_incoming",
        "_line",
        "_paused",
        "_peer",
        "_server",
    )

    def __init__(self, server: Server, peer: tuple[str, int] | None = None) -> None:
        super().__init__(server)
        self._server = server
        # The client's address and port, where a proxy has told them for the whole connection.
        self._peer = peer
        # The line of its requests on the link, made with the first one. Empty where proxies that
        # forward requests tell with each whose it is.
        self._line = b""
        # The ID on the link, once a request has needed one.
        self._id = 0
        # The requests in flight, in their order.
        self._exchanges: tuple[Exchange, ...] = ()
        # A request that is not complete, and what cannot be in flight yet.
        self._incoming: Incoming | None = None
        # Whether the client is not read.
        self._paused = False

    def connectionMade(self) -> None:
        super().connectionMade()
        drop_log_prefix(self.transport)
        if ISSLTransport.providedBy(self.transport):
            self._enter(Phase.HANDSHAKE)
        self._go_on()

    def handshakeCompleted(self) -> None:
        """TLS is agreed upon."""
        self._enter(Phase.HELD)
        self.drain() if self._server.drains else self._wait()

    def dataReceived(self, data: bytes) -> None:
        if self._last:
            return
        request = self._server.head_cache.get(data) if self._incoming is None else None
        if request is not None and self._may_begin(request):
            self._begin(request)
            self.read_or_not()
        else:
            self._take_in(data)

    def _take_in(self, data: bytes) -> None:
        """Deal with what is no whole request with a known head, or cannot be begun at once."""
        begins = self._incoming is None and self._has_room()
        self._incoming = incoming = self._incoming or Incoming(self._server.settings.request)
        incoming.add(data)
        if begins and (request := incoming.only()):
            self._server.head_cache.add(data, request)
        self._go_on()

    def readConnectionLost(self) -> None:
        """The client has closed its end; what it has asked is answered, if that is soon."""
        self._drop_incoming()
        self._server.budget.look(self)
        self._last = True
        if self._phase == Phase.CLOSING:
            self.transport.loseConnection()
            return
        before = self.deadline if self._phase == Phase.TAKING else 0
        self._enter(Phase.LEAVING)
        if self._unsent or self._page is not None:
            self.deadline = max(self._server.deadlines[Phase.TAKING], before)
        if self._exchanges:
            self._exchanges[-1].connection = CLOSE
            for exchange in self._exchanges:
                self._server.pool.half_closed(exchange.id)
        elif self._page is None:
            self._shut()

    def writeConnectionLost(self) -> None:
        """We have closed our end, and know it."""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._drop_incoming()
        super().connectionLost(reason)
        exchanges, self._exchanges = self._exchanges, ()
        for exchange in exchanges:
            self._server.pool.cancel(exchange.id, GONE)

    # What the table says of a request, through its exchange.

    def answered(
        self, exchange: Exchange, status: int, body: bytes, content_type: str | None
    ) -> None:
        """Answer with what the session has said."""
        self._respond(exchange, bosh.answer(status, body, self._lines(exchange), content_type))

    def refused(self, exchange: Exchange, why: str) -> None:
        """Answer that the session could not be asked, and take no later answer for another's."""
        if exchange.id == self._id:
            self._id = 0
        self._respond(exchange, bosh.unavailable(why, self._lines(exchange)))

    def dropped(self) -> None:
        """Close the connection at once."""
        self.transport.abortConnection()

    # What the server says to all.

    def read_or_not(self) -> None:
        """Read the client as far as it may ask, and the server is ready for it."""
        wanted = (
            self._server.reads
            and len(self._exchanges) < MAX_PIPELINED
            and (self._incoming is None or not self._incoming.waits)
            and not (self._unsent and self._phase != Phase.CLOSING and self._is_behind())
        )
        if wanted is self._paused:
            self._paused = not wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()
        self._wait()

    def drain(self) -> None:
        """Close as soon as no request is in flight.

        On a new connection the first one may be on its way: it gets a second.
        """
        self._wait()
        if self._phase == Phase.HANDSHAKE:
            self.deadline = self._server.clock.now + 1

    def give_up(self) -> None:
        """Answer what is in flight without the session."""
        self._refuse_all(GAVE_UP, DRAINING)

    def _refuse_all(self, reason: str, why: str) -> None:
        for exchange in self._exchanges:
            self._server.pool.cancel(exchange.id, reason)
            if exchange.response is None:
                self.refused(exchange, why)

    def expired(self) -> None:
        """A request comes too slowly, or the client does not take its answer, or does nothing."""
        if self._incoming is not None and self._phase in (Phase.HEAD, Phase.BODY):
            self._refuse_incoming(self._incoming.too_slow())
        elif self._phase == Phase.IDLE:
            self._last = True
            self._shut()
        elif self._phase == Phase.LEAVING and not self._unsent and self._exchanges:
            self._refuse_all(GONE, LEFT)
        else:
            super().expired()

    # What it holds, and its part of what all may hold.

    @property
    def held(self) -> int:
        """How many bytes of requests and answers, about."""
        held = self._incoming.size if self._incoming is not None else 0
        held += sum(len(each.response) for each in self._exchanges if each.response is not None)
        return held + unsent(self.transport) if self._unsent or self._page is not None else held

    def let_go(self) -> None:
        """Refuse what is held: 408 for what is not complete, 503 for what waits.

        A client that does not take its answers does not take that either, and is cut.
        """
        if self._unsent or self._page is not None:
            self._last = True
            self.dropped()
            return
        for exchange in self._exchanges:
            if exchange.response is not None:
                exchange.response = bosh.unavailable(CROWDED, self._lines(exchange))
        if self._incoming is not None:
            self._refuse_incoming(self._incoming.too_much(CROWDED))

    # From request to answer.

    def _has_room(self) -> bool:
        """A few requests may be in flight at once, if their answers are taken."""
        if self._page is not None or len(self._exchanges) >= MAX_PIPELINED:
            return False
        return not (self._unsent and self._is_behind())

    def _may_begin(self, arrived: Request | RequestError) -> bool:
        """A request for a page has to be alone."""
        return self._has_room() and not (self._exchanges and self._is_for_page(arrived))

    def _is_for_page(self, arrived: Request | RequestError) -> bool:
        if isinstance(arrived, RequestError) or self._server.pages is None:
            return False
        return arrived.head.path not in self._server.settings.paths

    def _is_for_session(self, request: Request) -> bool:
        return request.head.path in self._server.settings.paths and request.head.method == b"POST"

    def _begin(self, arrived: Request | RequestError) -> None:
        if isinstance(arrived, RequestError):
            self._begin_refusal(arrived)
        elif arrived.truncated and not self._is_for_session(arrived):
            self._begin_refusal(too_long(arrived))
        elif arrived.head.path in self._server.settings.paths:
            self._begin_bosh(arrived)
        elif self._server.pages is not None:
            self._begin_page(self._server.pages, arrived, self._persistence(arrived))
        else:
            exchange = self._exchange(arrived, b"")
            head = arrived.head.method == b"HEAD"
            self._respond(exchange, not_found(self._lines(exchange), head))

    def _exchange(self, request: Request, cors: bytes) -> Exchange:
        """Return a new exchange, which is in flight now."""
        exchange = Exchange(self, self._persistence(request), cors)
        self._exchanges += (exchange,)
        return exchange

    def _persistence(self, request: Request) -> bytes:
        """Return the Connection header of the answer, and note whether there will be another."""
        if not request.keep_alive or self._server.drains:
            self._last = True
            return CLOSE
        return KEEP_HTTP10 if request.head.http10 else KEEP

    def _begin_refusal(self, error: RequestError) -> None:
        self._last = True
        exchange = Exchange(self, CLOSE, self._server.settings.cors.lines(error.headers))
        self._exchanges += (exchange,)
        self._respond(exchange, bosh.refusal(error, self._lines(exchange)))

    def _begin_bosh(self, request: Request) -> None:
        cors = self._server.settings.cors
        exchange = self._exchange(request, cors.lines(request.head.headers))
        if request.head.method == b"POST":
            self._ask(exchange, request)
        else:
            self._respond(exchange, bosh.without_session(request, cors, self._lines(exchange)))

    def _ask(self, exchange: Exchange, request: Request) -> None:
        pool = self._server.pool
        if len(self._exchanges) > 1:
            exchange.id = pool.new_id()
        else:
            exchange.id = self._id = self._id or pool.new_id()
        line = self._line or self._make_line(request)
        if request.truncated:
            line = truncated(line)
        try:
            pool.request(exchange, line, request.body)
        except Unavailable as why:
            self.refused(exchange, str(why))

    def _make_line(self, request: Request) -> bytes:
        """Return the line that tells ejabberd whose request it is."""
        address, port = self._peer or peer_of(self.transport)
        proxies = self._server.settings.proxies
        address = proxies.client_address(address, request.head.headers)
        line = request_line(address, port, ISSLTransport.providedBy(self.transport))
        if not proxies.trusted:
            self._line = line
        return line

    def _lines(self, exchange: Exchange) -> bytes:
        """Return the header lines that every answer has."""
        if self._server.drains and exchange is self._exchanges[-1]:
            exchange.connection = CLOSE
            self._last = True
        return self._server.clock.date + exchange.cors + exchange.connection

    def _respond(self, exchange: Exchange, response: bytes) -> None:
        """Write a response as soon as those to earlier requests are written."""
        exchange.response = response
        exchanges = self._exchanges
        waited = len(exchanges) > 1
        while exchanges and exchanges[0].response is not None:
            first, exchanges = exchanges[0], exchanges[1:]
            self._exchanges = exchanges
            self._send(first.response or b"")
            if first.connection is CLOSE:
                self._last = True
                self._shut()
        if self._phase == Phase.IDLE:  # it was answered at once
            self.deadline = self._server.deadlines[Phase.IDLE]
        self._go_on()
        if waited or self._unsent:
            self._server.budget.look(self)

    def _all_taken(self) -> None:
        self._go_on()
        self._server.budget.look(self)

    # What to wait for.

    def _encourage(self) -> None:
        """Ask for a body that waits to be asked for (RFC 9110, section 10.1.1)."""
        if self._exchanges or self._page is not None or self._last:
            return  # it would stand between, or inside, answers that are due before
        if self._incoming is not None and self._incoming.asks_for_leave():
            self._send(CONTINUE)

    def _wait(self) -> None:
        """Enter the phase in which the connection is."""
        if self._phase >= Phase.CLOSING or self._page is not None:
            return
        if self._unsent:
            self._enter(Phase.TAKING)
        elif self._incoming is not None and not self._paused:
            self._enter(Phase.BODY if self._incoming.in_body else Phase.HEAD)
        elif self._exchanges or self._paused:
            self._enter(Phase.HELD)
        elif self._server.drains and self._id:
            self._last = True
            self._shut()
        else:
            self._enter(Phase.IDLE)
            if self._server.drains:
                self.deadline = min(self.deadline, self._server.clock.now + 1)

    def _go_on(self) -> None:
        """Begin what has waited and may begin now, and read on."""
        incoming, self._incoming = self._incoming, None
        if incoming is not None:
            self._begin_from(incoming)
        self._encourage()
        self.read_or_not()
        if incoming is not None:
            self._server.budget.look(self)

    def _begin_from(self, incoming: Incoming) -> None:
        while not self._last and self._has_room():
            arrived = incoming.peek()
            if arrived is None or not self._may_begin(arrived):
                break
            incoming.pop()
            if self._phase in (Phase.HEAD, Phase.BODY):
                self._enter(Phase.HELD)  # the next one has a time of its own
            self._begin(arrived)
        if self._last or incoming.empty:
            incoming.close()
        else:
            self._incoming = incoming

    def _refuse_incoming(self, error: RequestError) -> None:
        """Answer what cannot become a request, or may not, behind what is in flight."""
        self._drop_incoming()
        self._begin_refusal(error)
        self.read_or_not()
        self._server.budget.look(self)

    def _drop_incoming(self) -> None:
        if self._incoming is not None:
            self._incoming.close()
            self._incoming = None
