"""An HTTP connection of a client: bytes to requests, to exchanges in order, to bytes.

It knows nothing of what is behind the paths: each has a handler (``routes.py``).
"""

from twisted.internet.interfaces import (
    IHalfCloseableProtocol,
    IHandshakeListener,
    ISSLTransport,
)
from zope.interface import implementer

from ecm.frontend.connection import Phase
from ecm.frontend.exchange import Exchange
from ecm.frontend.reading import ReadingConnection
from ecm.http.request import Request, RequestError
from ecm.http.response import CLOSE, KEEP, KEEP_HTTP10, has_body
from ecm.link.message import GONE
from ecm.net.transport import negotiated

LEFT = "The client has closed its end of the connection"
CROWDED = "This front end has too much to do"


@implementer(IHandshakeListener, IHalfCloseableProtocol)
class HTTPConnection(ReadingConnection):
    """Keep-alive, phases and timeouts, half-close, and the end of a connection."""

    # There may be hundreds of thousands of these, nearly all of them waiting for a response.
    __slots__ = ()

    def connectionMade(self) -> None:
        super().connectionMade()
        if ISSLTransport.providedBy(self.transport):
            self.shake_hands()
        self.update_reading()

    def handshakeCompleted(self) -> None:
        """The TLS handshake is complete; the client may have asked for another protocol there."""
        other = self.registry.routes.by_protocol.get(negotiated(self.transport))
        if other is not None:
            other(self)
            return
        super().handshakeCompleted()
        self.drain() if self.registry.is_leaving(self) else self._update_phase()

    def readConnectionLost(self) -> None:
        """The client has closed its end; its requests are answered, if that is soon."""
        if self.phase == Phase.CLOSING:
            self._drop_incoming()
            self.registry.count_held(self)
            self.transport.loseConnection()
            return
        before = self.deadline if self.phase == Phase.SENDING else 0
        self._enter(Phase.HALF_CLOSED)
        if self._write_blocked:
            self.deadline = max(self.registry.deadlines[Phase.SENDING], before)
        if self._incoming is None or not self._incoming.waits:
            self._end_requests()

    def _look_at_held(self) -> None:
        super()._look_at_held()
        begins = self._incoming is not None and self._incoming.waits
        if self.phase == Phase.HALF_CLOSED and not begins and not self._no_more_requests:
            self._end_requests()

    def _end_requests(self) -> None:
        """Close behind the last response that is due to a client that has closed its end.

        Requests that came before, as a whole, have been begun: TLS tells the end while they wait.
        """
        self._drop_incoming()
        self.registry.count_held(self)
        self._no_more_requests = True
        if not (exchanges := self.exchanges):
            self._half_close()
            return
        exchanges[-1].connection_header = CLOSE
        for exchange in exchanges:
            exchange.half_closed()

    def writeConnectionLost(self) -> None:
        """We have closed our end, and know it."""

    def drain(self) -> None:
        """Close as soon as no request is in flight.

        On a new connection the first one may be on its way: it gets a second.
        """
        self._update_phase()
        if self.phase == Phase.HANDSHAKE:
            self.deadline = self.registry.clock.now + 1

    def timed_out(self) -> None:
        """Respond 408 to a partial request, half-close when idle, abort while sending."""
        if self._incoming is not None and self.phase in (Phase.HEAD, Phase.BODY):
            self._reject_incoming(self._incoming.timeout_error())
        elif self.phase == Phase.IDLE:
            self._no_more_requests = True
            self._half_close()
        elif self.phase == Phase.HALF_CLOSED and not self._write_blocked and self.exchange:
            self._no_more_requests = True
            self._drop_incoming()
            self.exchanges[-1].connection_header = CLOSE
            self._reject_all(GONE, LEFT)
        else:
            super().timed_out()

    def shed(self) -> None:
        """Respond 408 to a request that is not complete, and 503 to what waits and has a body.

        A client that does not read would not read that either: its connection is closed.
        """
        if self._write_blocked or self._is_behind_in_tls:
            self._no_more_requests = True
            self.transport.abortConnection()
            return
        for exchange in self.exchanges:
            if isinstance(exchange.response, bytes) and has_body(exchange.response):
                exchange.reject(CROWDED)
        if self._incoming is not None:
            self._reject_incoming(self._incoming.overload_error(CROWDED))

    def _dispatch(self, arrived: Request | RequestError) -> None:
        """Have a request answered, by the handler of its path."""
        if self.phase < Phase.HELD:
            self._enter(Phase.HELD)  # the next request has a time of its own
        routes = self.registry.routes
        if isinstance(arrived, RequestError):
            self._no_more_requests = True
            exchange = Exchange(self, CLOSE)
            self._begin(exchange)
            routes.errors.handle(exchange, arrived)
            return
        handler = routes.by_path.get(arrived.head.path, routes.otherwise)
        exchange = handler.exchange(self, self._connection_header(arrived))
        self._begin(exchange)
        try:
            handler.handle(exchange, arrived)
        except RequestError as error:
            routes.errors.handle(exchange, error)

    def _connection_header(self, request: Request) -> bytes:
        """Return the Connection header of the response, and note whether another may follow."""
        head = request.head
        is_last = self.registry.keeps_no_idle and self.registry.is_leaving(self)
        if not head.keep_alive or request.truncated or is_last:
            self._no_more_requests = True
            return CLOSE
        return KEEP_HTTP10 if head.http10 else KEEP

    def _update_phase(self) -> None:
        if self.phase >= Phase.CLOSING:
            return
        if self._write_blocked:
            self._enter(Phase.SENDING)
        elif self._incoming is not None and (not self._paused or self._parses_later):
            self._enter(Phase.BODY if self._incoming.in_body else Phase.HEAD)
        elif self.exchange is not None or self._paused:
            if self.phase != Phase.HELD:
                self._enter(Phase.HELD)
        elif not (self.registry.keeps_no_idle and self.registry.is_leaving(self)):
            self._enter(Phase.IDLE)
        elif self.link_id:
            self._no_more_requests = True
            self._half_close()
        else:
            self._enter(Phase.IDLE)
            self.deadline = min(self.deadline, self.registry.clock.now + 1)

    @property
    def _parses_later(self) -> bool:
        """True while a part of a body waits for a later turn: its client gets no time by that."""
        in_body = self._incoming is not None and self._incoming.in_body
        return in_body and self.registry.sockets.is_for_later(self.pump)

    def _all_sent(self) -> None:
        self.pump()
        self._look_at_held()
