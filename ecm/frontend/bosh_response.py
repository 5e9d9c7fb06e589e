"""Responses on a BOSH path (XEP-0124, XEP-0206). Pure.

``lines`` are the header lines that all responses of a connection have: Date, Connection, and the
CORS headers.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Final

from ecm.http import content_type
from ecm.http.cors import METHODS, Cors
from ecm.http.request import Head
from ecm.http.response import INERT, TEXT, response, service_unavailable
from ecm.limits import MAX_CACHED_ANSWERS, RETRY_AFTER_MAX, RETRY_AFTER_MIN

_STATUSES: Final = frozenset(HTTPStatus)
_ALLOW: Final = b"Allow: %b\r\n" % METHODS

_PAGE: Final = b"""\
This is the BOSH address (XEP-0124) of a chat server. It works.
Give it to a chat client; there is nothing to read here in a browser.
"""


def answer(status: int, body: bytes, lines: bytes, content_type: str | None = None) -> bytes:
    """Return the response that carries the answer of a session.

    ``content_type`` is the Content-Type that its client asked for, None for the default.
    """
    head = _head(status, content_type)
    return b"%b%bContent-Length: %d\r\n\r\n%b" % (head, lines, len(body), body)


@lru_cache(MAX_CACHED_ANSWERS)
def _head(status: int, requested: str | None) -> bytes:
    """Return the lines before those of the connection. They are the same for nearly all answers."""
    phrase = HTTPStatus(status).phrase if status in _STATUSES else ""
    of_type = content_type.value(requested)
    return b"HTTP/1.1 %d %b\r\n%bContent-Type: %b\r\n" % (status, phrase.encode(), INERT, of_type)


def retry_after(number: int) -> int:
    """Return the seconds after which to come back, spread over requests with successive numbers."""
    return RETRY_AFTER_MIN + number % (RETRY_AFTER_MAX - RETRY_AFTER_MIN + 1)


def options_or_get(head: Head, cors: Cors, lines: bytes, refusal: str) -> bytes:
    """Return the response to a request that is not a POST, and so concerns no session.

    Balancers ask so whether clients may come. ``refusal`` says why not, and is empty otherwise.
    """
    if head.method == b"OPTIONS":
        return response(HTTPStatus.OK, _ALLOW + cors.preflight_lines() + lines, b"")
    if head.method in (b"GET", b"HEAD"):
        if refusal:
            return service_unavailable(refusal, lines, head=head.method == b"HEAD")
        return response(HTTPStatus.OK, TEXT + lines, _PAGE, head=head.method == b"HEAD")
    text = b"This address takes POST.\n"
    return response(HTTPStatus.METHOD_NOT_ALLOWED, TEXT + _ALLOW + lines, text)
