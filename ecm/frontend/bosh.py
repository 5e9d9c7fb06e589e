"""The BOSH handler: requests go upstream, and the answers of sessions come back as responses."""

from http import HTTPStatus
from typing import Final

from ecm.frontend.blame import blame
from ecm.frontend.bosh_response import answer, options_or_get, retry_after
from ecm.frontend.client import line_of
from ecm.frontend.exchange import Exchange
from ecm.frontend.registry import Registry
from ecm.frontend.timed import TimedExchange
from ecm.http.client_address import TrustedProxies
from ecm.http.cors import Cors
from ecm.http.request import Head, Request
from ecm.http.response import service_unavailable
from ecm.link.message import full, truncated
from ecm.link.settings import LinkMode
from ecm.log.faults import Fault
from ecm.metrics import SAMPLED
from ecm.upstream.pending import COUNTED_AS, Pending
from ecm.upstream.pool import Unavailable, UpstreamPool

TOO_LONG: Final = "413 The body is too long"

# Stands for the request line on a plain link, which does not carry it.
_PLAIN_LINE: Final = b"request\n"

STOPPING: Final = "This front end is stopping"
SENDING_AWAY: Final = "This front end is draining"

# Numbers: to look up a member of an Enum for each answer takes longer.
_OK: Final = int(HTTPStatus.OK)
_UNAVAILABLE: Final = int(HTTPStatus.SERVICE_UNAVAILABLE)
_STATUSES: Final = frozenset(HTTPStatus)


class BoshExchange(Exchange):
    """A request to a session, or one for the BOSH address itself.

    ``id`` is that on the link, 0 if the request does not go there. ``cors`` are header lines of the
    response. The handler sets all three.
    """

    __slots__ = ("cors", "handler", "id")

    id: int
    cors: bytes
    handler: "BoshHandler"

    def headers(self) -> bytes:
        return self.connection.common_headers(self, self.cors)

    # Called by upstream.

    def renamed(self, connection_id: int) -> None:
        """Take another ID, and with it the node that the connection asks from now on."""
        if self.id == self.connection.link_id:
            self.connection.link_id = connection_id
        self.id = connection_id

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Respond with the answer of the session; ``content_type`` is None for the default."""
        if status == _OK:
            lines = self.connection.common_headers(self, self.cors)
        else:
            lines = self._other_than_ok(status)
        self.response = answer(status, body, lines, content_type)
        self.connection.pump()

    def _other_than_ok(self, status: int) -> bytes:
        """Count a status, and return the header lines.

        Those whom ejabberd refuses come back one by one.
        """
        statuses = self.connection.registry.metrics.statuses
        statuses[f"{status}" if status in _STATUSES else "other"] += 1
        if status != _UNAVAILABLE:
            return self.headers()
        return b"Retry-After: %d\r\n%b" % (retry_after(self.id), self.headers())

    def rejected(self, why: str) -> None:
        """Respond 503: the session could not be asked, nor could those of many others."""
        self.connection.registry.metrics.unavailable[COUNTED_AS[why]] += 1
        self._take_new_id()
        response = service_unavailable(why, self.headers(), retry_after(self.id))
        self.respond(response)

    def dropped(self) -> None:
        """Close the connection: ejabberd wants no response to be given."""
        self.drop()

    def release(self) -> None:
        """Have the session answer now, if the connection is to close: nobody is to wait for that.

        The session answers as it does for a client that has closed its end.
        """
        if self.response is None and self.connection in self.connection.registry.leaving:
            self.half_closed()

    # Called by the connection.

    def reject(self, why: str) -> None:
        self._take_new_id()
        super().reject(why)

    def half_closed(self) -> None:
        self.handler.upstream.half_closed(self.id)

    def cancel(self, reason: str) -> None:
        self.handler.upstream.cancel(self.id, reason)

    def _take_new_id(self) -> None:
        """Let the connection ask under another ID: a late answer is nobody else's."""
        if self.id == self.connection.link_id:
            self.connection.link_id = 0


class BoshHandler:
    """Sends each POST upstream, and answers other methods by itself."""

    exchange = BoshExchange

    def __init__(
        self, upstream: UpstreamPool, cors: Cors, proxies: TrustedProxies, mode: LinkMode
    ) -> None:
        self.upstream = upstream
        self._cors = cors
        self._proxies = proxies
        # The request line, if it is the same for all connections.
        self._shared_line = _PLAIN_LINE if mode is LinkMode.PLAIN else b""

    def handle(self, exchange: BoshExchange, request: Request) -> None:
        exchange.handler = self
        exchange.cors = self._cors.lines(request.head.headers)
        if request.head.method == b"POST":
            self._send(exchange, request)
        else:
            exchange.id = 0
            exchange.take_whole(request)
            self._look_at_page(exchange, request.head)
            why = self._refusal(exchange.connection.registry)
            exchange.respond(options_or_get(request.head, self._cors, exchange.headers(), why))

    def _refusal(self, registry: Registry) -> str:
        """Return why clients should come to another ECM at the moment; empty if they need not."""
        if registry.draining:
            return STOPPING
        return SENDING_AWAY if registry.sends_away else self.upstream.pressure.refusal

    def _look_at_page(self, exchange: BoshExchange, head: Head) -> None:
        """Note a page that asks whether it may use BOSH, and may not."""
        if head.method == b"OPTIONS" and not self._cors.admits(head):
            origin = next(value for name, value in head.headers if name.lower() == b"origin")
            shown = origin.decode(errors="backslashreplace")
            exchange.connection.registry.metrics.rejected["cors_origin"] += 1
            blame(exchange.connection, Fault.ORIGIN, shown, head.headers)

    def _send(self, exchange: BoshExchange, request: Request) -> None:
        connection = exchange.connection
        if connection.behind:
            exchange.id = self.upstream.new_id(connection.link_id)
        else:
            exchange.id = connection.link_id = connection.link_id or self.upstream.new_id()
        line = self._shared_line or line_of(connection, request.head, self._proxies)
        registry = connection.registry
        if registry.room.is_full:
            line = full(line)
        if request.truncated:
            line = truncated(line)
            blame(connection, Fault.HTTP, TOO_LONG, request.head.headers)
        pending: Pending = exchange
        metrics = registry.metrics
        posts = metrics.posts = metrics.posts + 1
        if not posts % SAMPLED:
            pending = TimedExchange(exchange, request.head.size + len(request.body))
        try:
            self.upstream.request(pending, line, request.body)
        except Unavailable as why:
            exchange.rejected(str(why))
