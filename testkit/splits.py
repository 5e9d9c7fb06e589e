"""Ways to cut bytes, for the tests of everything that parses."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def cut(data: bytes, places: list[int]) -> Iterator[bytes]:
    """Yield ``data`` in pieces that end at ``places``."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    for start, end in zip(edges, edges[1:], strict=False):
        yield data[start:end]


def cuts() -> st.SearchStrategy[list[int]]:
    """Places for ``cut``."""
    return st.lists(st.integers(min_value=0, max_value=2**20), max_size=20)


def whole_and_bytewise(data: bytes) -> list[list[bytes]]:
    """Return ``data`` in one piece, and in pieces of one byte."""
    return [[data], [data[at : at + 1] for at in range(len(data))]]


def feed_all(feed: Callable[[bytes], Iterator[T]], pieces: Iterable[bytes]) -> list[T]:
    """Feed all the pieces, and return all that comes out."""
    return [result for piece in pieces for result in feed(piece)]
