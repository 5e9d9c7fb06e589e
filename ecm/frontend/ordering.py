"""The order of responses: that of their requests (RFC 9112, section 9.3.2)."""

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.exchange import BrokenResponse, Exchange, Parts
from ecm.frontend.registry import Registry
from ecm.frontend.sending import SendingConnection
from ecm.http.response import CLOSE
from ecm.link.message import GAVE_UP, GONE
from ecm.net.transport import switch_protocol

_log = Logger()

DRAINING = "This front end is stopping"

# The address and the port of a client, and whether it has connected over TLS, as a PROXY header has
# told them.
ProxiedPeer = tuple[str, int, bool | None]


class OrderedConnection(SendingConnection):
    """A connection that writes responses in the order of their requests (RFC 9112, section 9.3.2).

    ``peer`` is the client, where a PROXY header has told which it is. ``link_id`` is kept for the
    handler that asks upstream: the ID under which this connection asks while it does not pipeline,
    0 before it has asked. ``exchange`` is that whose response is due, ``behind`` those that are in
    flight behind it: nearly all connections have one, which needs no tuple.
    """

    __slots__ = ("_no_more_requests", "_pumping", "behind", "exchange", "link_id", "peer")

    def __init__(self, registry: Registry, peer: ProxiedPeer | None) -> None:
        super().__init__(registry)
        self.peer = peer
        self.link_id = 0
        self.exchange: Exchange | None = None
        self.behind: tuple[Exchange, ...] = ()
        # Whether the last request has been begun: nothing counts that comes behind it.
        self._no_more_requests = False
        # Whether responses are written, and requests begun, at this moment.
        self._pumping = False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._no_more_requests = True
        self._cancel_all()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The requests in flight, in their order."""
        return () if self.exchange is None else (self.exchange, *self.behind)

    def common_headers(self, exchange: Exchange, more: bytes = b"") -> bytes:
        """Return the header lines that every response has, with ``more`` between them.

        While connections are not to be idle, the last response says that it is the last.
        """
        registry = self.registry
        if (
            registry.keeps_no_idle
            and self.exchanges[-1:] == (exchange,)
            and (registry.room.in_reserve or registry.is_leaving(self))
        ):
            exchange.connection_header = CLOSE
            self._no_more_requests = True
        return registry.clock.date + more + exchange.connection_header

    def pump(self) -> None:
        """Write all responses that are ready and due."""
        self._write_ready()

    def is_busy_beside(self, exchange: Exchange) -> bool:
        """Return whether other requests are in flight, or other responses not sent."""
        return exchange is not self.exchange or bool(self.behind) or self._write_blocked

    def hand_over(self, successor: ClientConnection) -> bytes:
        """Let another protocol have the transport, and return the bytes that have come for it.

        It writes the response to the one request in flight; the connection must not be busy beside.
        """
        self.exchange = None
        self._no_more_requests = True
        self.phase = Phase.HANDED_OVER
        self.registry.replace(self, successor)
        switch_protocol(self.transport, successor)
        return b""

    def release(self) -> None:
        for exchange in self.exchanges:
            exchange.release()

    def reject_pending(self) -> None:
        """Respond 503 to all requests that wait for a response."""
        self._reject_all(GAVE_UP, DRAINING)

    def _reject_all(self, reason: str, why: str) -> None:
        for exchange in self.exchanges:
            if exchange.response is None:
                exchange.cancel(reason)
                exchange.reject(why)

    def _cancel_all(self) -> None:
        exchanges = self.exchanges
        self.exchange, self.behind = None, ()
        for exchange in exchanges:
            exchange.cancel(GONE)

    def _begin(self, exchange: Exchange) -> None:
        """Have a request in flight, behind those that are."""
        if self.exchange is None:
            self.exchange = exchange
        else:
            self.behind += (exchange,)

    def _write_ready(self) -> None:
        while (exchange := self.exchange) is not None:
            response = exchange.response
            if response is None:
                return
            if isinstance(response, bytes):
                self._send(response)
            elif not self._write_part(response):
                return
            if self.behind:
                self.exchange, *rest = self.behind
                self.behind = tuple(rest)
            else:
                self.exchange = None
            if exchange.connection_header is CLOSE:
                self._no_more_requests = True
                self._half_close()

    def _write_part(self, parts: Parts) -> bool:
        """Write the next part, if the client has taken the one before; return whether none is left.

        The one before may have been the last: a response is complete when all of it is taken.
        """
        if self._write_blocked:
            return False
        try:
            part = next(parts, None)
        except BrokenResponse:
            self._break_off()
            return False
        except Exception:  # must not reach a link, whose answer to an earlier request may be why
            _log.failure("error in ECM; breaking off the response")
            self._break_off()
            return False
        if part is not None:
            self._send_part(part)
        return part is None

    def _break_off(self) -> None:
        """Close the connection: the client cannot know what stands behind half a response."""
        self._no_more_requests = True
        self._cancel_all()
        self._half_close()
