"""Bytes into the parser of requests, and what comes out."""

from collections.abc import Iterable, Iterator
from functools import partial

from ecm.http.request import Request
from ecm.http.request_parser import RequestParser
from testkit.splits import feed_all


def feed(parser: RequestParser, data: bytes) -> Iterator[Request]:
    """Yield the requests that are complete with these bytes."""
    parser.add(data)
    while (found := parser.next()) is not None or parser.is_behind:
        if found is not None:
            yield found


def parse(parser: RequestParser, pieces: Iterable[bytes]) -> list[Request]:
    return feed_all(partial(feed, parser), pieces)
