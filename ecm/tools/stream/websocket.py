"""The client's half of a WebSocket that carries XMPP (RFC 6455, RFC 7395). Pure.

It takes what servers of chats send: texts that are whole, and control frames. None of them sends
fragments, or anything in an extension that was not offered.
"""

import re
from base64 import b64encode
from typing import NamedTuple
from xml.sax.saxutils import quoteattr

from ecm.tools.bosh.http import MAX_BODY, MAX_HEAD, BadAnswer
from ecm.tools.stream.wire import Heard, Opening, Refused
from ecm.websocket.codes import NORMAL
from ecm.websocket.frames import (
    CLOSE,
    FIN,
    KEY_SIZE,
    LONG,
    MASKED,
    MAX_CONTROL,
    MEDIUM,
    PING,
    PONG,
    TEXT,
    frame,
)
from ecm.websocket.keys import SUBPROTOCOL, VERSION, accepted
from ecm.websocket.mask import mask

FRAMING = "urn:ietf:params:xml:ns:xmpp-framing"

NONCE_SIZE = 16  # bytes (RFC 6455, section 4.1)

_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3})[ \r]")
_FIELD = rb"(?i)\r\n%b:[ \t]*([^\r\n]*?)[ \t]*\r\n"
_ACCEPT = re.compile(_FIELD % b"sec-websocket-accept")
_PROTOCOL = re.compile(_FIELD % b"sec-websocket-protocol")
_RETRY_AFTER = re.compile(_FIELD % b"retry-after")


class Frame(NamedTuple):
    """A frame of a server, without a mask; ``end`` is where the next one begins."""

    opcode: int
    payload: bytes
    end: int


class WebSocketWire:
    """``nonce`` makes the key of the handshake, and ``key`` is the mask of all frames.

    RFC 6455 asks for another mask with each frame, so that a page cannot choose what a proxy on the
    way reads (section 10.3). Here no page chooses anything.
    """

    def __init__(self, host: str, path: str, domain: str, nonce: bytes, key: bytes) -> None:
        self._key = key[:KEY_SIZE]
        handshake_key = b64encode(nonce)
        self._accept = accepted(handshake_key)
        self.greeting = (
            b"GET %b HTTP/1.1\r\nHost: %b\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: %b\r\nSec-WebSocket-Version: %b\r\n"
            b"Sec-WebSocket-Protocol: %b\r\n\r\n"
            % (path.encode(), host.encode(), handshake_key, VERSION, SUBPROTOCOL)
        )
        to = quoteattr(domain)
        self.header = self.wrapped(f"<open xmlns='{FRAMING}' to={to} version='1.0'/>".encode())
        self.farewell = self.wrapped(f"<close xmlns='{FRAMING}'/>".encode())

    def opening(self, data: bytes) -> Opening | None:
        """Take the answer to the handshake (RFC 6455, section 4.1)."""
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > MAX_HEAD:
                raise BadAnswer("head too long")
            return None
        head = data[: end + 4]
        status = _STATUS.match(head)
        if status is None:
            raise BadAnswer("not HTTP")
        if status[1] != b"101":
            seconds = _value(_RETRY_AFTER, head)
            retry_after = int(seconds) if re.fullmatch(b"[0-9]{1,6}", seconds) else 0
            raise Refused(f"status {status[1].decode()}", retry_after)
        if _value(_ACCEPT, head) != self._accept:
            raise BadAnswer("a handshake for somebody else")
        if _value(_PROTOCOL, head) != SUBPROTOCOL:
            raise BadAnswer("a WebSocket without XMPP")
        return Opening(ready=True, rest=data[end + 4 :])

    def wrapped(self, element: bytes) -> bytes:
        return self._masked(TEXT, element)

    def heard(self, data: bytes) -> Heard:
        texts, replies, at, ended = [], [], 0, ""
        while not ended and (found := frame_at(data, at)) is not None:
            at = found.end
            if found.opcode == TEXT:
                texts.append(found.payload)
            elif found.opcode == PING:
                replies.append(self._masked(PONG, found.payload))
            elif found.opcode == CLOSE:
                ended = _told(found.payload)
                replies.append(self._masked(CLOSE, found.payload[:2]))
            elif found.opcode != PONG:
                raise BadAnswer("a frame that is no text")
        rest = b"" if ended else data[at:]
        return Heard(b"".join(texts), b"".join(replies), rest, ended)

    def _masked(self, opcode: int, payload: bytes) -> bytes:
        made = frame(opcode, mask(payload, self._key))
        at = len(made) - len(payload)
        return made[:1] + bytes((made[1] | MASKED,)) + made[2:at] + self._key + made[at:]


def frame_at(data: bytes, at: int) -> Frame | None:
    """Return the frame that begins there, None while it is incomplete. Raises BadAnswer."""
    if len(data) < at + 2:
        return None
    first, length = data[at], data[at + 1]
    if not first & FIN or length & MASKED:
        raise BadAnswer("a frame that is masked, or is a fragment")
    begin = at + 2
    if length > MAX_CONTROL:
        begin += {MEDIUM: 2, LONG: 8}[length]
        if len(data) < begin:
            return None
        length = int.from_bytes(data[at + 2 : begin])
    if length > MAX_BODY:
        raise BadAnswer("frame too long")
    end = begin + length
    return Frame(first & ~FIN, data[begin:end], end) if len(data) >= end else None


def _value(field: re.Pattern[bytes], head: bytes) -> bytes:
    found = field.search(head)
    return found[1] if found else b""


def _told(payload: bytes) -> str:
    """Say how a Close frame ends the stream; NORMAL is not worth a word."""
    code = int.from_bytes(payload[:2]) if payload else NORMAL
    return "closed" if code == NORMAL else f"closed {code}"
