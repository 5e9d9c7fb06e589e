"""Bytes of WebSocket clients: what they mean, and what is wrong with those that mean nothing."""

from ecm.websocket import codes
from ecm.websocket.decoder import Event
from ecm.websocket.frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from testkit.websocket_frames import KEY, fragments, masked

MAX_MESSAGE = 70_000

_LONG = "é世😀".encode() * 40
_GREETING = "Grüße, 世界 😀".encode()


def text(payload: bytes) -> Event:
    return Event(TEXT, payload)


# Bytes, and the events that they are.
MESSAGES: list[tuple[bytes, list[Event]]] = [
    # RFC 6455, section 5.7.
    (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", [text(b"Hello")]),
    (masked(TEXT), [text(b"")]),
    (masked(TEXT, _GREETING), [text(_GREETING)]),
    (masked(TEXT, b"a" * 125), [text(b"a" * 125)]),
    (masked(TEXT, b"a" * 126), [text(b"a" * 126)]),
    (masked(TEXT, b"a" * 65_535), [text(b"a" * 65_535)]),
    (masked(TEXT, b"a" * 65_536), [text(b"a" * 65_536)]),
    (masked(TEXT, b"a" * MAX_MESSAGE), [text(b"a" * MAX_MESSAGE)]),
    (masked(BINARY, b"\xff\xfe"), [Event(BINARY, b"\xff\xfe")]),
    (masked(TEXT, b"unmasked", key=bytes(4)), [text(b"unmasked")]),
    # Fragments, also in the middle of a character, empty ones, and of binary messages.
    (fragments(TEXT, b"Hel", b"lo"), [text(b"Hello")]),
    (fragments(TEXT, *(_LONG[at : at + 1] for at in range(len(_LONG)))), [text(_LONG)]),
    (fragments(TEXT, b"", b"", b""), [text(b"")]),
    (fragments(TEXT, b"", b"a", b""), [text(b"a")]),
    (fragments(BINARY, b"\xff", b"\xfe"), [Event(BINARY, b"\xff\xfe")]),
    (fragments(TEXT, b"a" * 40_000, b"b" * 30_000), [text(b"a" * 40_000 + b"b" * 30_000)]),
    # Control frames, alone and between fragments.
    (masked(PING), [Event(PING, b"")]),
    (masked(PING, b"\xff" * 125), [Event(PING, b"\xff" * 125)]),
    (masked(PONG, b"a"), [Event(PONG, b"a")]),
    (
        masked(TEXT, b"Hel", False) + masked(PING, b"p") + masked(CONTINUATION, b"lo"),
        [Event(PING, b"p"), text(b"Hello")],
    ),
    (
        masked(TEXT, b"\xc3", False)
        + masked(PONG)
        + masked(CONTINUATION, b"", False)
        + masked(PING, b"p")
        + masked(CONTINUATION, b"\xa9"),
        [Event(PONG, b""), Event(PING, b"p"), text("é".encode())],
    ),
    # Several at once.
    (
        masked(TEXT, b"a") + masked(TEXT, b"b") + masked(PING),
        [text(b"a"), text(b"b"), Event(9, b"")],
    ),
    (fragments(TEXT, b"a", b"b") + fragments(TEXT, b"c", b"d"), [text(b"ab"), text(b"cd")]),
    # The end, with a code and without.
    (masked(CLOSE), [Event(CLOSE, b"")]),
    (masked(CLOSE, b"\x03\xe8"), [Event(CLOSE, b"\x03\xe8")]),
    (masked(CLOSE, b"\x0f\xa0" + _GREETING), [Event(CLOSE, b"\x0f\xa0" + _GREETING)]),
    (masked(TEXT, b"a", False) + masked(CLOSE), [Event(CLOSE, b"")]),
]

_PROTOCOL = codes.PROTOCOL_ERROR


def _close(code: int) -> bytes:
    return masked(CLOSE, code.to_bytes(2))


# Bytes that no client may send, and the status code for that.
FAULTS: list[tuple[bytes, int]] = [
    *((bytes([0x80 | bit | TEXT, 0x80]) + KEY, _PROTOCOL) for bit in (0x40, 0x20, 0x10)),
    *(
        (bytes([0x80 | opcode, 0x80]) + KEY, _PROTOCOL)
        for opcode in (3, 4, 5, 6, 7, *range(11, 16))
    ),
    *((bytes([opcode, 0x80]) + KEY, _PROTOCOL) for opcode in (CLOSE, PING, PONG)),
    (b"\x81\x05Hello", _PROTOCOL),
    (b"\x81\x00", _PROTOCOL),
    (b"\x89\x00", _PROTOCOL),
    # Lengths: of a control frame, not in the shortest form, more than can be.
    (b"\x89\xfe\x00\x7e" + KEY + bytes(126), _PROTOCOL),
    (b"\x88\xff" + (1 << 16).to_bytes(8) + KEY, _PROTOCOL),
    (b"\x81\xfe\x00\x7d" + KEY + bytes(125), _PROTOCOL),
    (b"\x81\xff" + (65_535).to_bytes(8) + KEY, _PROTOCOL),
    (b"\x81\xff" + (1 << 63).to_bytes(8) + KEY, _PROTOCOL),
    # The order of fragments.
    (masked(CONTINUATION, b"a"), _PROTOCOL),
    (masked(CONTINUATION, b"a", False), _PROTOCOL),
    (masked(TEXT, b"a", False) + masked(TEXT, b"b"), _PROTOCOL),
    (masked(TEXT, b"", False) + masked(BINARY, b"b", False), _PROTOCOL),
    (fragments(TEXT, b"a", b"b") + masked(CONTINUATION, b"c"), _PROTOCOL),
    # Texts that are not UTF-8: a wrong byte, a surrogate, too long a form, an end too soon.
    (masked(TEXT, b"a\xff"), codes.NOT_UTF_8),
    (masked(TEXT, b"\xed\xa0\x80"), codes.NOT_UTF_8),
    (masked(TEXT, b"\xc0\xaf"), codes.NOT_UTF_8),
    (masked(TEXT, b"\xf4\x90\x80\x80"), codes.NOT_UTF_8),
    (masked(TEXT, b"\xe4\xb8"), codes.NOT_UTF_8),
    (fragments(TEXT, b"\xe4", b"\xb8"), codes.NOT_UTF_8),
    (fragments(TEXT, b"a", b"\xff", b"b"), codes.NOT_UTF_8),
    (fragments(TEXT, b"\xe4", b"", b"a"), codes.NOT_UTF_8),
    # Messages that are too long, also in fragments, and only announced.
    (masked(TEXT, b"a" * (MAX_MESSAGE + 1)), codes.TOO_BIG),
    (masked(BINARY, b"a" * (MAX_MESSAGE + 1)), codes.TOO_BIG),
    (b"\x81\xff" + (1 << 62).to_bytes(8) + KEY, codes.TOO_BIG),
    (fragments(TEXT, b"a" * MAX_MESSAGE, b"b"), codes.TOO_BIG),
    # Status codes: half of one, not to be sent, of nobody; and a reason that is not UTF-8.
    (masked(CLOSE, b"\x03"), _PROTOCOL),
    *((_close(code), _PROTOCOL) for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)),
    (masked(CLOSE, b"\x03\xe8\xff"), codes.NOT_UTF_8),
]
