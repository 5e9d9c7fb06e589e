"""HTTP/1.x responses as ECM writes them (RFC 9112): status, fields and body in, bytes out. Pure.

Each has a Content-Length, none is chunked: there are BOSH clients that cannot read chunks.
``lines`` are whole header lines.
"""

from http import HTTPStatus
from typing import Final

from ecm.http.request import RequestError
from ecm.limits import RETRY_AFTER

# The header line that says whether the connection stays open. HTTP/1.1 keeps it, and HTTP/1.0
# closes it, where nothing else is said (RFC 9112, section 9.3).
KEEP: Final = b""
KEEP_HTTP10: Final = b"Connection: keep-alive\r\n"
CLOSE: Final = b"Connection: close\r\n"

# Goes before the body of a request that asks for it (RFC 9110, section 10.1.1).
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

# A form of any page may post here, and its browser shows the answer as a page of this origin: as
# XML, in which a stanza with XHTML may bring a script. The browser must not take it for another
# type (Fetch standard), nor run, load or frame anything in it (Content Security Policy). Pages that
# fetch an answer and read it are not concerned.
INERT: Final = (
    b"X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n"
)

TEXT: Final = b"Content-Type: text/plain; charset=utf-8\r\n"

RETRY: Final = b"Retry-After: %d\r\n" % RETRY_AFTER


def response(status: HTTPStatus, lines: bytes, body: bytes, head: bool = False) -> bytes:
    """Return a whole response.

    With ``head`` the body is announced and not sent (RFC 9110, section 9.3.2).
    """
    return b"HTTP/1.1 %d %b\r\n%b%bContent-Length: %d\r\n\r\n%b" % (
        status,
        status.phrase.encode(),
        INERT,
        lines,
        len(body),
        b"" if head else body,
    )


def has_body(whole: bytes) -> bool:
    """Return whether a response has a body. One to HEAD has none, whatever it announces."""
    return whole.find(b"\r\n\r\n") + 4 < len(whole)


def not_found(lines: bytes, head: bool = False) -> bytes:
    """Return the response for a path where nothing is."""
    return response(HTTPStatus.NOT_FOUND, TEXT + lines, b"There is nothing here.\n", head)


def service_unavailable(
    why: str, lines: bytes, retry_after: int = RETRY_AFTER, head: bool = False
) -> bytes:
    """Return the response to a request that cannot be answered now, by no fault of the client.

    The client is asked to come back after ``retry_after`` seconds.
    Web clients repeat the same RID after a 5xx, and end the session for good after a 4xx.
    """
    text = f"{why}. Please try again.\n".encode()
    retry = b"Retry-After: %d\r\n" % retry_after
    return response(HTTPStatus.SERVICE_UNAVAILABLE, TEXT + retry + lines, text, head)


def error_response(error: RequestError, lines: bytes) -> bytes:
    """Return the response to bytes that are not a request, or not one to be answered."""
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines = RETRY + lines
    text = error.reason.encode() + b".\n"
    return response(error.status, TEXT + lines, text, head=error.method == b"HEAD")
