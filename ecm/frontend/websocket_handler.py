"""The WebSocket handler: a handshake that is good opens a stream, and takes the connection over."""

from ecm.frontend.blame import blame
from ecm.frontend.client import client_of
from ecm.frontend.exchange import Exchange
from ecm.frontend.websocket import WebSocketConnection
from ecm.http.client_address import TrustedProxies
from ecm.http.cors import Cors
from ecm.http.request import Head, Request
from ecm.link.message import WEBSOCKET, open_line
from ecm.log.faults import Fault
from ecm.upstream.pending import COUNTED_AS
from ecm.upstream.pool import Unavailable, UpstreamPool
from ecm.websocket.handshake import accept, is_attempt, refusal

STOPPING = "This front end is stopping"
FULL = "There is no room for new sessions"
NOT_ALONE = "A WebSocket cannot begin behind requests that are not answered"


class WebSocketHandler:
    """Accepts WebSockets, as far as ejabberd and this front end can take them."""

    exchange = Exchange

    def __init__(self, upstream: UpstreamPool, cors: Cors, proxies: TrustedProxies) -> None:
        self._upstream = upstream
        self._cors = cors
        self._proxies = proxies

    def handle(self, exchange: Exchange, request: Request) -> None:
        exchange.take_whole(request)
        refused = refusal(request.head, self._cors)
        if refused is not None:
            self._refused(exchange, request.head, f"{refused.status.value} {refused.why}")
            is_head = request.head.method == b"HEAD"
            exchange.respond(refused.response(exchange.headers(), is_head))
            return
        try:
            self._accept(exchange, request.head)
        except Unavailable as why:
            counted = COUNTED_AS.get(f"{why}")  # others are not for want of ejabberd
            if counted is not None:
                exchange.connection.registry.metrics.unavailable[counted] += 1
            self._refused(exchange, request.head, f"503 {why}")
            exchange.reject(str(why))

    def _refused(self, exchange: Exchange, head: Head, why: str) -> None:
        registry = exchange.connection.registry
        if is_attempt(head):
            registry.metrics.streams_refused["websocket"] += 1
            blame(exchange.connection, Fault.HANDSHAKE, why, head.headers)

    def _accept(self, exchange: Exchange, head: Head) -> None:
        """Open the stream, then answer. Raises Unavailable."""
        connection, registry = exchange.connection, exchange.connection.registry
        for is_so, why in (
            (registry.draining, STOPPING),
            (registry.room.is_full, FULL),
            (connection.is_busy_beside(exchange), NOT_ALONE),
        ):
            if is_so:
                raise Unavailable(why)
        successor = WebSocketConnection(registry, self._upstream)
        successor.open(open_line(WEBSOCKET, *client_of(connection, head, self._proxies)))
        behind = connection.hand_over(successor)
        registry.metrics.streams_accepted["websocket"] += 1
        successor.begin(accept(head, registry.clock.date), behind)
