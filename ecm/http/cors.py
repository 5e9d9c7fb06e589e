"""Which web pages may use BOSH: the CORS headers (Fetch standard, section 3.3). Pure.

They are on every answer of a BOSH path, errors too: without them a browser tells its page nothing
of an answer to a cross-origin request, not even the status.
"""

from collections.abc import Sequence
from typing import Final

import attrs

from ecm.limits import CORS_MAX_AGE

METHODS: Final = b"POST, GET, HEAD, OPTIONS"


@attrs.frozen
class Cors:
    """Pages of the ``origins`` may use BOSH, and all pages where there are none.

    With ``credentials`` browsers send cookies along, for proxies that look at them. ``headers`` are
    those that pages may set, beside Content-Type.
    """

    origins: frozenset[bytes] = frozenset()
    credentials: bool = False
    headers: tuple[bytes, ...] = ()

    def lines(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Return the header lines for the answer to a request with these headers."""
        if not self.origins:
            return b"Access-Control-Allow-Origin: *\r\n"
        origin = next((value for name, value in headers if name.lower() == b"origin"), None)
        if origin not in self.origins:
            return b"Vary: Origin\r\n"
        allowed = b"Access-Control-Allow-Origin: %b\r\nVary: Origin\r\n" % origin
        return allowed + b"Access-Control-Allow-Credentials: true\r\n" * self.credentials

    def preflight_lines(self) -> bytes:
        """Return what is added to them for a request that asks for leave."""
        headers = b", ".join((b"Content-Type", *self.headers))
        return (
            b"Access-Control-Allow-Methods: %b\r\n"
            b"Access-Control-Allow-Headers: %b\r\n"
            b"Access-Control-Max-Age: %d\r\n" % (METHODS, headers, CORS_MAX_AGE)
        )
