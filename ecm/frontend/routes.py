"""Routes: the handlers by path, for all other paths, and for errors."""

from collections.abc import Mapping

import attrs

from ecm.frontend.bosh import BoshHandler
from ecm.frontend.exchange import Exchange, Handler
from ecm.frontend.settings import FrontendSettings
from ecm.frontend.static.handler import StaticHandler
from ecm.frontend.websocket_handler import WebSocketHandler
from ecm.http.cors import Cors
from ecm.http.request import Request, RequestError, require_whole
from ecm.http.response import error_response, not_found
from ecm.link.settings import LinkMode
from ecm.upstream.pool import UpstreamPool


class NotFoundHandler:
    """Responds 404."""

    exchange = Exchange

    def handle(self, exchange: Exchange, request: Request) -> None:
        require_whole(request)
        exchange.respond(not_found(exchange.headers(), request.head.method == b"HEAD"))


class ErrorHandler:
    """Responds to bytes that are not a request, or not one that a handler takes.

    The CORS headers let a page see the status: it could otherwise not tell it from a lost
    connection.
    """

    def __init__(self, cors: Cors) -> None:
        self._cors = cors

    def handle(self, exchange: Exchange, error: RequestError) -> None:
        cors = self._cors.lines(error.headers)
        lines = exchange.connection.common_headers(exchange, cors)
        exchange.respond(error_response(error, lines))


@attrs.frozen
class Routes:
    """``otherwise`` has the paths that are not in ``by_path``."""

    by_path: Mapping[bytes, Handler]
    otherwise: Handler
    errors: ErrorHandler


def make_routes(
    settings: FrontendSettings, upstream: UpstreamPool, mode: LinkMode, www: str | None = None
) -> Routes:
    """Return the routes of an ECM: BOSH, WebSocket, and the files of ``www``, if there is one.

    ``mode`` is that of the links. A path that is given for both is one for BOSH.
    """
    bosh = BoshHandler(upstream, settings.cors, settings.proxies, mode)
    websocket = WebSocketHandler(upstream, settings.cors, settings.proxies)
    by_path: dict[bytes, Handler] = dict.fromkeys(settings.websocket_paths, websocket)
    return Routes(
        by_path=by_path | dict.fromkeys(settings.paths, bosh),
        otherwise=NotFoundHandler() if www is None else StaticHandler(www),
        errors=ErrorHandler(settings.cors),
    )
