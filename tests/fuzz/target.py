"""The interface of fuzz targets."""

from binascii import crc32
from collections.abc import Callable
from random import Random

import attrs

from testkit.splits import cut


@attrs.frozen
class Target:
    """``check`` raises where any bytes, ``longest`` of them at most, do what they must not do."""

    check: Callable[[bytes], None]
    longest: int = 4096


def places(data: bytes) -> list[int]:
    """Return places to cut bytes at: for the same bytes the same, so that findings are repeated."""
    random = Random(crc32(data))
    return [random.randrange(len(data) + 1) for _ in range(random.randrange(8))]


def pieces(data: bytes) -> list[bytes]:
    return list(cut(data, places(data)))


def text_of(data: bytes) -> str:
    """Any bytes as a text of any characters."""
    return data.decode("utf-8", "replace")
