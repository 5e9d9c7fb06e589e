"""What is fuzzed, and what has to be true of any bytes. A target raises where it is not."""

from binascii import crc32
from collections.abc import Callable
from pathlib import Path
from random import Random

from ecm import limits, proxy_header
from ecm.packet import PacketDecoder, PacketError
from ecm.proxy_header import ProxyHeader, ProxyHeaderError
from tests.pieces import cut
from tests.test_any_bytes import check

MAX_PACKET = 4096

# A folder for each target.
SEEDS = Path(__file__).parent / "seeds"


def pieces(data: bytes) -> list[bytes]:
    """Return ``data`` in pieces; the same for the same data, so that every finding is repeated."""
    return list(cut(data, places(data)))


def places(data: bytes) -> list[int]:
    random = Random(crc32(data))
    return [random.randrange(len(data) + 1) for _ in range(random.randrange(8))]


def client(data: bytes) -> None:
    """A client's connection: no harm is done, and every request answered (tests/test_any_bytes)."""
    check(data, places(data))


def packet(data: bytes) -> None:
    """The link: packets or the one error, the same in pieces; and no more is held than allowed."""
    assert _packets(pieces(data)) == _packets([data])


def _packets(parts: list[bytes]) -> tuple[list[tuple[int, bytes]], str]:
    decoder, packets = PacketDecoder(MAX_PACKET), []
    try:
        for part in parts:
            for found in decoder.feed(part):
                packets.append(found)
            assert decoder.held < MAX_PACKET
    except PacketError as error:
        return packets, error.name
    return packets, ""


def proxy(data: bytes) -> None:
    """The PROXY header: one, none yet, or the one error; and what has been decided stays so."""
    decided: ProxyHeader | str | None = None
    for end in range(len(data) + 1):
        now = _header(data[:end])
        assert decided is None or now == decided, (end, decided, now)
        decided = now
    assert decided is not None or len(data) < limits.MAX_PROXY_HEADER


def _header(data: bytes) -> ProxyHeader | str | None:
    try:
        return proxy_header.parse(data)
    except ProxyHeaderError:
        return "no header"


TARGETS: dict[str, Callable[[bytes], None]] = {"client": client, "packet": packet, "proxy": proxy}
