"""The handler that tells clients where BOSH and WebSocket are (XEP-0156)."""

from http import HTTPStatus
from typing import Final

from ecm.frontend.exchange import Exchange
from ecm.http.request import Request
from ecm.http.response import TEXT, response

# Pages of all origins may read it: it says nothing that is not for everybody.
_FOR_ALL: Final = b"Access-Control-Allow-Origin: *\r\n"
_ALLOW: Final = b"Allow: GET, HEAD\r\n"


class HostMetaHandler:
    """Responds with one document."""

    exchange = Exchange

    def __init__(self, content_type: bytes, document: bytes) -> None:
        self._lines = b"Content-Type: %b\r\n%b" % (content_type, _FOR_ALL)
        self._document = document

    def handle(self, exchange: Exchange, request: Request) -> None:
        exchange.take_whole(request)
        method, lines = request.head.method, exchange.headers()
        if method in (b"GET", b"HEAD"):
            head = method == b"HEAD"
            exchange.respond(response(HTTPStatus.OK, self._lines + lines, self._document, head))
        else:
            text = b"This document takes GET and HEAD.\n"
            lines = TEXT + _FOR_ALL + _ALLOW + lines
            exchange.respond(response(HTTPStatus.METHOD_NOT_ALLOWED, lines, text))
