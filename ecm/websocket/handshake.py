"""The opening handshake (RFC 6455, section 4.2; RFC 7395, section 3.1). Pure.

No extension is ever accepted: a connection that compresses takes a hundred times the memory.
"""

import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Final

import attrs

from ecm.http.cors import Cors
from ecm.http.request import Head
from ecm.http.response import TEXT, response
from ecm.websocket.keys import SUBPROTOCOL, VERSION, accepted

# Sixteen bytes in base64.
_KEY: Final = re.compile(rb"[A-Za-z0-9+/]{22}==")

_UPGRADE: Final = b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
_VERSION_LINE: Final = b"Sec-WebSocket-Version: %b\r\n" % VERSION

_PAGE: Final = """\
This is the WebSocket address (RFC 7395) of a chat server. It works.
Give it to a chat client; there is nothing to read here in a browser.
If this is what a chat client gets, a proxy on the way does not pass Upgrade and Connection on.
"""


@attrs.frozen
class Refusal:
    """A request is no handshake, or not one that is taken: ``why``, in one line.

    ``lines`` are header lines; ``page`` is what the client gets to read, if that is more.
    """

    status: HTTPStatus
    why: str
    lines: bytes = b""
    page: str = ""

    def response(self, lines: bytes, head: bool = False) -> bytes:
        """Return the whole response; ``lines`` are the header lines that each response has.

        With ``head`` the text is announced and not sent.
        """
        text = self.page or f"{self.why}.\n"
        return response(self.status, TEXT + self.lines + lines, text.encode(), head)


def _values(head: Head, name: bytes) -> list[bytes]:
    return [value for each, value in head.headers if each.lower() == name]


def _tokens(head: Head, name: bytes) -> Iterator[bytes]:
    """Yield the members of a list, which may be in several lines (RFC 9110, section 5.6.1)."""
    for value in _values(head, name):
        yield from (token.strip() for token in value.split(b","))


def _is_upgrade(head: Head) -> bool:
    return b"websocket" in [each.lower() for each in _tokens(head, b"upgrade")] and (
        b"upgrade" in [each.lower() for each in _tokens(head, b"connection")]
    )


def _has_key(head: Head) -> bool:
    keys = _values(head, b"sec-websocket-key")
    return len(keys) == 1 and _KEY.fullmatch(keys[0]) is not None


# What a request must be, and what it is answered if it is not, in the order in which it is looked
# at: a browser that shows the page should see that this is the right address.
_CHECKS: Final[tuple[tuple[Callable[[Head], bool], Refusal], ...]] = (
    (
        lambda head: head.method == b"GET",
        Refusal(
            HTTPStatus.METHOD_NOT_ALLOWED,
            "This address takes GET, for a WebSocket",
            b"Allow: GET\r\n",
        ),
    ),
    (
        lambda head: not head.http10,
        Refusal(HTTPStatus.BAD_REQUEST, "A WebSocket needs HTTP/1.1"),
    ),
    (
        _is_upgrade,
        Refusal(
            HTTPStatus.UPGRADE_REQUIRED,
            "There is no Upgrade: a proxy on the way may not pass it on",
            _UPGRADE + _VERSION_LINE,
            _PAGE,
        ),
    ),
    (
        lambda head: _values(head, b"sec-websocket-version") == [VERSION],
        Refusal(
            HTTPStatus.UPGRADE_REQUIRED,
            "The version of the WebSocket protocol here is 13",
            _UPGRADE + _VERSION_LINE,
        ),
    ),
    (
        lambda head: head.length == 0,
        Refusal(HTTPStatus.BAD_REQUEST, "The handshake of a WebSocket has no body"),
    ),
    (
        _has_key,
        Refusal(HTTPStatus.BAD_REQUEST, "The Sec-WebSocket-Key is missing or malformed"),
    ),
    (
        lambda head: SUBPROTOCOL in _tokens(head, b"sec-websocket-protocol"),
        Refusal(HTTPStatus.BAD_REQUEST, "The Sec-WebSocket-Protocol here is xmpp"),
    ),
)

# Characters of an origin that are repeated to those who are refused for it.
_REPEATED: Final = 100


def refusal(head: Head, cors: Cors) -> Refusal | None:
    """Return why a request is not accepted, or None where ``accept`` is the answer."""
    for holds, refused in _CHECKS:
        if not holds(head):
            return refused
    if cors.admits(head):
        return None
    origin = ascii(b", ".join(_values(head, b"origin")).decode("latin-1"))
    return Refusal(HTTPStatus.FORBIDDEN, f"Pages of {origin[:_REPEATED]} may not connect here")


def is_attempt(head: Head) -> bool:
    """Return whether somebody wants a WebSocket, and not only to see the page."""
    return bool(_values(head, b"sec-websocket-key"))


def accept(head: Head, lines: bytes) -> bytes:
    """Return the response behind which frames are spoken."""
    (key,) = _values(head, b"sec-websocket-key")
    return (
        b"HTTP/1.1 101 Switching Protocols\r\n%b"
        b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: %b\r\n%b\r\n"
        % (_UPGRADE, accepted(key), SUBPROTOCOL, lines)
    )
