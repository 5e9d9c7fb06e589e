"""What ECM answers on a BOSH path (XEP-0124, XEP-0206), beside what comes from ejabberd. Pure.

``lines`` are the header lines that all answers of a connection have: Date, Connection, and the CORS
headers.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from ecm.http import content_type
from ecm.http.cors import METHODS, Cors
from ecm.http.request import Request, RequestError
from ecm.http.response import INERT, TEXT, response
from ecm.limits import MAX_CACHED_ANSWERS, RETRY_AFTER

_STATUSES: Final = frozenset(HTTPStatus)
_ALLOW: Final = b"Allow: %b\r\n" % METHODS
_RETRY: Final = b"Retry-After: %d\r\n" % RETRY_AFTER

_PAGE: Final = b"""\
This is the BOSH address (XEP-0124) of a chat server. It works.
Give it to a chat client; there is nothing to read here in a browser.
"""


def answer(status: int, body: bytes, lines: bytes, asked: str | None = None) -> bytes:
    """Return the response that carries what the session answered.

    ``asked`` is the Content-Type that its client wants, if it is not the usual one.
    """
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (_head(status, asked), lines, len(body), body)


@lru_cache(MAX_CACHED_ANSWERS)
def _head(status: int, asked: str | None) -> bytes:
    """Return what is before the lines of a connection. It is the same for nearly all answers."""
    phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
    lines = INERT + (_RETRY if status == HTTPStatus.SERVICE_UNAVAILABLE else b"")
    of_type = content_type.value(asked)
    return b"HTTP/1.1 %d %b\r\n%bContent-Type: %b\r\n" % (status, phrase.encode(), lines, of_type)


def unavailable(why: str, lines: bytes) -> bytes:
    """Return the answer to a request that cannot be answered now, by no fault of the client.

    Web clients repeat the same RID after a 5xx, and end the session for good after a 4xx.
    """
    text = f"{why}. Please try again.\n".encode()
    return response(HTTPStatus.SERVICE_UNAVAILABLE, TEXT + _RETRY + lines, text)


def without_session(request: Request, cors: Cors, lines: bytes) -> bytes:
    """Return the answer to a request that is no POST, and so concerns no session."""
    if request.head.method == b"OPTIONS":
        return response(HTTPStatus.OK, _ALLOW + cors.preflight_lines() + lines, b"")
    if request.head.method in (b"GET", b"HEAD"):
        return response(HTTPStatus.OK, TEXT + lines, _PAGE, head=request.head.method == b"HEAD")
    text = b"This address takes POST.\n"
    return response(HTTPStatus.METHOD_NOT_ALLOWED, TEXT + _ALLOW + lines, text)


def refusal(error: RequestError, lines: bytes) -> bytes:
    """Return the answer to what is no request."""
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines = _RETRY + lines
    return response(error.status, TEXT + lines, error.reason.encode() + b".\n")
