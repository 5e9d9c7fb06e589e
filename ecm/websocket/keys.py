"""The words of both ends in the opening handshake (RFC 6455, 1.3; RFC 7395, 3.1). Pure."""

from base64 import b64encode
from hashlib import sha1
from typing import Final

SUBPROTOCOL: Final = b"xmpp"
VERSION: Final = b"13"

_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accepted(key: bytes) -> bytes:
    """Return the Sec-WebSocket-Accept to a Sec-WebSocket-Key."""
    return b64encode(sha1(key + _GUID, usedforsecurity=False).digest())
