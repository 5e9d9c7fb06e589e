"""Pages of other origins: the CORS headers for BOSH (Fetch standard, section 3.3). Pure.

Every response on a BOSH path has them, errors too: without them a browser tells its page nothing of
a response to a cross-origin request, not even the status.
"""

import re
from collections.abc import Sequence
from typing import Final

import attrs

from ecm.http.origin import origin
from ecm.http.request import Head
from ecm.limits import CORS_MAX_AGE
from ecm.option import option

METHODS: Final = b"POST, GET, HEAD, OPTIONS"

# Stands for all origins, and for all headers.
ANY: Final = b"*"


def _origin(text: str) -> bytes:
    return ANY if text == "*" else origin(text)


def _origins(given: list[bytes]) -> frozenset[bytes]:
    return frozenset() if ANY in given else frozenset(given)


def _header_name(text: str) -> bytes:
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", text):
        raise ValueError("give the name of one header, such as X-Token")
    return text.encode()


@attrs.frozen
class Cors:
    """Pages of the ``origins`` may use BOSH, and all pages where there are none.

    With ``credentials`` browsers send cookies along, for proxies that look at them. ``headers`` are
    those that pages may set, beside Content-Type.
    """

    origins: frozenset[bytes] = attrs.field(
        default=frozenset(),
        metadata=option(
            "origin",
            "Origin (https://chat.example) whose pages may use BOSH and WebSocket, or * for any.",
            name="cors-origin",
            read=_origin,
            collect=_origins,
            shown="*",
        ),
    )
    credentials: bool = attrs.field(
        default=False,
        metadata=option(
            "",
            "Let browsers send cookies for pages of a --cors-origin.",
            name="cors-credentials",
        ),
    )
    headers: tuple[bytes, ...] = attrs.field(
        default=(),
        metadata=option(
            "header",
            "Header that pages may set, besides Content-Type.",
            name="cors-header",
            read=_header_name,
            collect=tuple,
        ),
    )

    def lines(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the header lines for the answer to a request with these headers."""
        if not self.origins:
            return b"Access-Control-Allow-Origin: *\r\n"
        origin = next((value for name, value in headers if name.lower() == b"origin"), None)
        if origin not in self.origins:
            return b"Vary: Origin\r\n"
        allowed = b"Access-Control-Allow-Origin: %b\r\nVary: Origin\r\n" % origin
        return allowed + b"Access-Control-Allow-Credentials: true\r\n" * self.credentials

    def admits(self, head: Head) -> bool:
        """Return whether a request that no preflight precedes comes from a page that may ask.

        What is not a browser sends no Origin. A page from here may ask: its browser sends the
        origin without a scheme as the Host, unless a proxy changes that.
        """
        if not self.origins:
            return True
        origins = [value for name, value in head.headers if name.lower() == b"origin"]
        hosts = {value.lower() for name, value in head.headers if name.lower() == b"host"} - {b""}
        return all(each in self.origins or each.partition(b"://")[2] in hosts for each in origins)

    def preflight_lines(self) -> bytes:
        """Return the lines that the answer to a preflight request has in addition."""
        headers = b", ".join((b"Content-Type", *self.headers))
        return (
            b"Access-Control-Allow-Methods: %b\r\n"
            b"Access-Control-Allow-Headers: %b\r\n"
            b"Access-Control-Max-Age: %d\r\n" % (METHODS, headers, CORS_MAX_AGE)
        )
