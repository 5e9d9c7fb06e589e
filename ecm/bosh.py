"""What ECM answers on a BOSH path (XEP-0124, XEP-0206), beside what comes from ejabberd. Pure.

Every answer has the CORS headers, errors too: without them a browser tells its page nothing of an
answer to a cross-origin request, not even the status (Fetch standard, section 3.3).
"""

from http import HTTPStatus
from typing import Final

from ecm.limits import CORS_MAX_AGE, RETRY_AFTER
from ecm.request import Request, RequestError
from ecm.response import CLOSE, TEXT, response

_XML: Final = b"Content-Type: text/xml; charset=utf-8\r\n"
_ORIGIN: Final = b"Access-Control-Allow-Origin: *\r\n"
_METHODS: Final = b"POST, GET, HEAD, OPTIONS"
_ALLOW: Final = b"Allow: %b\r\n" % _METHODS
_RETRY: Final = b"Retry-After: %d\r\n" % RETRY_AFTER
_PREFLIGHT: Final = (
    _ORIGIN
    + b"Access-Control-Allow-Methods: %b\r\n" % _METHODS
    + b"Access-Control-Allow-Headers: Content-Type\r\n"
    + b"Access-Control-Max-Age: %d\r\n" % CORS_MAX_AGE
)

_PAGE: Final = b"""\
This is the BOSH address (XEP-0124) of a chat server. It works.
Give it to a chat client; there is nothing to read here in a browser.
"""


def answer(body: bytes, connection: bytes) -> bytes:
    """Return the response that carries what the session answered."""
    return response(HTTPStatus.OK, _XML + _ORIGIN, body, connection)


def unavailable(connection: bytes) -> bytes:
    """Return the answer while ejabberd cannot be reached.

    Web clients repeat the same RID after a 5xx, and end the session for good after a 4xx.
    """
    text = b"The front end is up, but has no link to the chat server. Please try again.\n"
    headers = TEXT + _ORIGIN + _RETRY
    return response(HTTPStatus.SERVICE_UNAVAILABLE, headers, text, connection)


def without_session(request: Request, connection: bytes) -> bytes:
    """Return the answer to a request that is no POST, and so concerns no session."""
    if request.method == b"OPTIONS":
        return response(HTTPStatus.OK, _PREFLIGHT + _ALLOW, b"", connection)
    if request.method in (b"GET", b"HEAD"):
        head = request.method == b"HEAD"
        return response(HTTPStatus.OK, TEXT + _ORIGIN, _PAGE, connection, head)
    text = b"This address takes POST.\n"
    return response(HTTPStatus.METHOD_NOT_ALLOWED, TEXT + _ORIGIN + _ALLOW, text, connection)


def refusal(error: RequestError) -> bytes:
    """Return the answer to what is no request, after which the connection closes."""
    text = error.reason.encode() + b".\n"
    return response(error.status, TEXT + _ORIGIN, text, CLOSE)
