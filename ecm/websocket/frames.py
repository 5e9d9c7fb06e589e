"""Frames (RFC 6455, section 5): headers as clients send them, frames as ECM writes them. Pure.

::

    first byte     FIN, three reserved bits of extensions, the opcode
    second byte    whether there is a mask, the length up to 125; or 126, 127: it comes next
    2 or 8 bytes   a longer length
    4 bytes        the key of the mask
"""

import struct
from typing import Final, NamedTuple

from ecm.websocket.codes import PROTOCOL_ERROR, WebSocketError

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

# Bytes of the payload of a control frame, and of the reason in a Close frame (section 5.5).
MAX_CONTROL: Final = 125
MAX_REASON: Final = MAX_CONTROL - 2

# Bytes of the key of a mask.
KEY_SIZE: Final = 4

FIN: Final = 0x80
MASKED: Final = 0x80
_SHORT: Final = 0x7F
_RESERVED_BITS: Final = 0x70

# What the first byte may be, as opcode and FIN: a control frame is never a fragment.
_FIRST: Final = {
    **{opcode: (opcode, False) for opcode in (CONTINUATION, TEXT, BINARY)},
    **{FIN | opcode: (opcode, True) for opcode in (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)},
}

# By the length in the second byte: the bytes of the one that follows, and the least it may say.
MEDIUM: Final = 126
LONG: Final = 127
_LONGER: Final = {MEDIUM: (2, MAX_CONTROL + 1), LONG: (8, 1 << 16)}
_LONGEST: Final = (1 << 63) - 1

_SHORT_HEADER: Final = struct.Struct(">BB")
_MEDIUM_HEADER: Final = struct.Struct(">BBH")
_LONG_HEADER: Final = struct.Struct(">BBQ")
_CODE: Final = struct.Struct(">H")


class Header(NamedTuple):
    """The header of a client's frame; ``size`` is its own, ``length`` that of the payload."""

    opcode: int
    is_final: bool
    length: int
    key: bytes
    size: int


def header(data: bytearray) -> Header | None:
    """Return the header at the beginning of bytes; None where it is not whole.

    Raises WebSocketError.
    """
    if len(data) < 2:
        return None
    first, second = data[0], data[1]
    found = _FIRST.get(first)
    if found is None or not second & MASKED:
        raise _fault(first)
    opcode, is_final = found
    length, size = second & _SHORT, 2
    if length > MAX_CONTROL:
        if opcode >= CLOSE:
            raise WebSocketError(PROTOCOL_ERROR, "A control frame is too long")
        more, least = _LONGER[length]
        size += more
        if len(data) < size:
            return None
        length = int.from_bytes(data[2:size])
        if not least <= length <= _LONGEST:
            raise WebSocketError(PROTOCOL_ERROR, "A length is not in its shortest form")
    end = size + KEY_SIZE
    if len(data) < end:
        return None
    return Header(opcode, is_final, length, bytes(data[size:end]), end)


def _fault(first: int) -> WebSocketError:
    """Return what is wrong with a frame that begins so."""
    if first & _RESERVED_BITS:
        why = "No extension is in use, and a reserved bit is set"
    elif first & ~FIN in (CLOSE, PING, PONG) and not first & FIN:
        why = "A control frame is a fragment"
    elif first in _FIRST:
        why = "A frame of a client has no mask"
    else:
        why = "An opcode is not known"
    return WebSocketError(PROTOCOL_ERROR, why)


def frame(opcode: int, payload: bytes) -> bytes:
    """Return a whole message, or a control frame, as a server sends it."""
    first, length = FIN | opcode, len(payload)
    if length <= MAX_CONTROL:
        return _SHORT_HEADER.pack(first, length) + payload
    if length < 1 << 16:
        return _MEDIUM_HEADER.pack(first, MEDIUM, length) + payload
    return _LONG_HEADER.pack(first, LONG, length) + payload


def close_frame(code: int, reason: str = "") -> bytes:
    """Return a Close frame. A reason that is too long is cut."""
    cut = reason.encode()[:MAX_REASON].decode(errors="ignore")
    return frame(CLOSE, _CODE.pack(code) + cut.encode())


def reply_frame(payload: bytes) -> bytes:
    """Return the Close frame that replies to a client's, whose status code it repeats."""
    return frame(CLOSE, payload[: _CODE.size])
