"""mod_ecm's end of a typed link, as far as tests need one that are about something else."""

from ecm.link.message import ANSWER_200
from ecm.link.packet import LINK_ID, encode
from testkit.typed_vectors import VECTORS, packet

HELLO = next(packet(each) for each in VECTORS["contents"] if each["name"] == "hello of mod_ecm")


def reply(content: bytes) -> bytes:
    """Return what is sent back to what ECM says of the link itself."""
    kind, _, rest = content.partition(b" ")
    if kind == b"ping":
        return encode(LINK_ID, b"pong " + rest)
    return HELLO if kind == b"hello" else b""


def asked(content: bytes) -> bytes | None:
    """Return the body of a request; None if this is none."""
    line, _, body = content.partition(b"\n")
    return body if line.startswith(b"request") else None


def answer(connection_id: int, body: bytes) -> bytes:
    """Return the packet with an answer."""
    return encode(connection_id, ANSWER_200 + body)
