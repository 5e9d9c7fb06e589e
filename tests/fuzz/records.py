"""Any bytes where records of TLS should be; and any records of a client that has the secret."""

from collections.abc import Iterator

from ecm.tls.alerts import Alert
from ecm.tls.direction import HEADER, Direction
from ecm.tls.records import HANDSHAKE, MAX_CONTENT, MAX_RECORD, End, Records
from ecm.tls.suites import SUITES
from tests.fuzz.target import Target, pieces

SUITE = SUITES["TLS_AES_128_GCM_SHA256"]
CLIENT, SERVER = bytes(32), bytes(31) + b"\1"
UPDATES = (b"\x18\0\0\1\0", b"\x18\0\0\1\1")


def tls(data: bytes) -> None:
    """The same in pieces, no data without the secret, and nothing behind an end."""
    whole = _received([data])
    assert _received(pieces(data)) == whole
    assert not whole[0]


def tls_sealed(data: bytes) -> None:
    """The same in pieces, and no more than what was sealed."""
    sealed = b"".join(_sealed(data))
    whole = _received([sealed])
    assert _received(pieces(sealed)) == whole
    assert len(whole[0]) <= len(data)


def _sealed(data: bytes) -> Iterator[bytes]:
    """Yield records: their types and lengths are bytes in front of their content."""
    client = Direction(SUITE, CLIENT, 0)
    while data:
        kind, length, data = data[0], data[1] if data[1:] else 0, data[2:]
        content, data = data[:length], data[length:]
        yield client.seal(kind, content)
        if kind == HANDSHAKE and content in UPDATES:
            client.update()


def _received(parts: list[bytes]) -> tuple[bytes, End | None]:
    records = Records(SUITE, CLIENT, SERVER)
    data, end = b"", None
    for part in parts:
        came = records.receive(part)
        assert end is None or came == ((b"", b"", None))
        data += came.data
        end = end or came.end
        assert bool(came.reply) == (came.end is not None and not came.end.by_client)
        assert len(records._rest) < HEADER + MAX_RECORD
    if end is not None and end != End(Alert.CLOSE_NOTIFY, True):
        assert not records.send(b"x")
    return data, end


TARGETS = {"tls": Target(tls), "tls-sealed": Target(tls_sealed, 2 * MAX_CONTENT)}
