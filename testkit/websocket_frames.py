"""Frames as a client sends them (RFC 6455, section 5)."""

from ecm.websocket.frames import FIN, KEY_SIZE, MASKED, frame
from ecm.websocket.mask import in_python

KEY = b"\x37\xfa\x21\x3d"


def masked(opcode: int, payload: bytes = b"", is_final: bool = True, key: bytes = KEY) -> bytes:
    """Return a frame of a client."""
    whole = frame(opcode, payload)
    at = len(whole) - len(payload)
    first, second = whole[:2]
    start = bytes([first if is_final else first & ~FIN, second | MASKED])
    return start + whole[2:at] + key[:KEY_SIZE] + in_python(payload, key)


def fragments(opcode: int, *payloads: bytes) -> bytes:
    """Return a message in so many frames."""
    last = len(payloads) - 1
    return b"".join(
        masked(0 if number else opcode, payload, number == last)
        for number, payload in enumerate(payloads)
    )
