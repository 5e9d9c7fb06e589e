"""Routes: the handlers by path, for all other paths, and for errors."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Final

import attrs

from ecm.frontend.blame import blame, blame_request
from ecm.frontend.bosh import BoshHandler
from ecm.frontend.exchange import Exchange, Handler
from ecm.frontend.host_meta import HostMetaHandler
from ecm.frontend.ordering import OrderedConnection
from ecm.frontend.settings import FrontendSettings
from ecm.frontend.static.handler import StaticHandler
from ecm.frontend.tcp import XMPP_CLIENT, take_over
from ecm.frontend.websocket_handler import WebSocketHandler
from ecm.http import host_meta
from ecm.http.cors import Cors
from ecm.http.request import Request, RequestError
from ecm.http.response import error_response, not_found
from ecm.link.settings import LinkSettings
from ecm.log.faults import Fault
from ecm.upstream.pool import UpstreamPool

_REJECTED: Final = {
    HTTPStatus.BAD_REQUEST: "malformed",
    HTTPStatus.REQUEST_TIMEOUT: "slow",
    HTTPStatus.LENGTH_REQUIRED: "no_length",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body_too_long",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "head_too_long",
    HTTPStatus.NOT_IMPLEMENTED: "unsupported",
    HTTPStatus.HTTP_VERSION_NOT_SUPPORTED: "unsupported",
    HTTPStatus.SERVICE_UNAVAILABLE: "overload",
}


class NotFoundHandler:
    """Responds 404."""

    exchange = Exchange

    def handle(self, exchange: Exchange, request: Request) -> None:
        exchange.take_whole(request)
        blame_request(exchange, request.head, HTTPStatus.NOT_FOUND)
        exchange.respond(not_found(exchange.headers(), request.head.method == b"HEAD"))


class ErrorHandler:
    """Responds to bytes that are not a request, or not one that a handler takes.

    The CORS headers let a page see the status: it could otherwise not tell it from a lost
    connection.
    """

    def __init__(self, cors: Cors) -> None:
        self._cors = cors

    def handle(self, exchange: Exchange, error: RequestError) -> None:
        why = f"{error.status.value} {error.reason}"
        blame(exchange.connection, Fault.HTTP, why, error.headers)
        rejected = exchange.connection.registry.metrics.rejected
        rejected[_REJECTED.get(error.status, "other")] += 1
        cors = self._cors.lines(error.headers)
        lines = exchange.connection.common_headers(exchange, cors)
        exchange.respond(error_response(error, lines))


@attrs.frozen
class Routes:
    """``otherwise`` has the paths that are not in ``by_path``.

    ``by_protocol`` has what takes a connection over whose client has asked for another protocol in
    the TLS handshake (ALPN).
    """

    by_path: Mapping[bytes, Handler]
    otherwise: Handler
    errors: ErrorHandler
    by_protocol: Mapping[bytes, Callable[[OrderedConnection], None]]


def make_routes(
    settings: FrontendSettings,
    upstream: UpstreamPool,
    link: LinkSettings,
    www: str | None = None,
) -> Routes:
    """Return the routes of an ECM: BOSH, WebSocket, and the files of ``www``, if there is one.

    A path that is given for both is one for BOSH.
    """
    bosh = BoshHandler(upstream, settings.cors, settings.proxies, link.mode)
    websocket = WebSocketHandler(upstream, settings.cors, settings.proxies)
    by_path: dict[bytes, Handler] = dict(_host_meta(settings, link.carries_streams))
    by_path |= dict.fromkeys(settings.websocket_paths, websocket)
    return Routes(
        by_path=by_path | dict.fromkeys(settings.paths, bosh),
        otherwise=NotFoundHandler() if www is None else StaticHandler(www),
        errors=ErrorHandler(settings.cors),
        by_protocol={XMPP_CLIENT: partial(take_over, upstream)} if link.carries_streams else {},
    )


def _host_meta(settings: FrontendSettings, websocket: bool) -> Iterator[tuple[bytes, Handler]]:
    """Yield what tells clients the first path for BOSH, and that for WebSocket, if it is served."""
    if settings.host_meta is None:
        return
    websockets = [path for path in settings.websocket_paths if path not in settings.paths]
    links = host_meta.links(
        settings.host_meta, settings.paths[0], next(iter(websockets if websocket else ()), None)
    )
    for path, kind, document in (
        (host_meta.XML_PATH, host_meta.XML_TYPE, host_meta.as_xml(links)),
        (host_meta.JSON_PATH, host_meta.JSON_TYPE, host_meta.as_json(links)),
    ):
        yield path, HostMetaHandler(kind, document)
