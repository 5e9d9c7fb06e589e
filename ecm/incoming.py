"""What has come of a connection's requests, and has not been begun: bytes in, requests out. Pure.

A client may send any number of requests at once, of which few are in flight. The others stay the
bytes that they are: parsed they would take several times as much.
"""

import re
from collections import deque
from http import HTTPStatus
from typing import Final

from ecm.limits import CHUNKS_AT_ONCE, PARTIAL_SIZE, ClientLimits
from ecm.request import Request, RequestError, RequestParser

# Ends a head, and a chunked body, with or without CR (RFC 9112, section 2.2).
_EMPTY_LINE: Final = re.compile(rb"\n\r?\n")

# May stand before a request (the same section).
_LINE_ENDS: Final = re.compile(rb"(?:\r?\n)+")


class Incoming:
    """Parses no further than it is asked to. There is one only while there is something in it."""

    __slots__ = ("_at", "_data", "_limits", "_parsed", "_parser", "_ready")

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        # The request that is not complete, and how many bytes of it there were.
        self._parser: RequestParser | None = None
        self._parsed = 0
        # The bytes that came last, and from where on they are not parsed.
        self._data = b""
        self._at = 0
        # What is complete: two at most, but for what is short and stands behind a chunked body.
        self._ready: deque[Request | RequestError] = deque()

    def add(self, data: bytes) -> None:
        """Take what has come."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def peek(self) -> Request | RequestError | None:
        """Return the next request, or the error that stands in its place; None if neither is whole.

        Behind an error there is nothing.
        """
        while not self._ready and self._at < len(self._data):
            self._parse()
        return self._ready[0] if self._ready else None

    def pop(self) -> None:
        """Take the next request away."""
        self._ready.popleft()

    def only(self) -> Request | None:
        """Return the next request, if nothing has come but that."""
        first = self.peek()
        alone = len(self._ready) == 1 and self._at == len(self._data) and self._parser is None
        return first if alone and isinstance(first, Request) else None

    @property
    def waits(self) -> bool:
        """Whether there is something that may be begun, or be parsed."""
        return bool(self._ready) or self._at < len(self._data)

    @property
    def empty(self) -> bool:
        return self._parser is None and not self.waits

    @property
    def in_body(self) -> bool:
        """Whether what there is of the next request is more than its head."""
        return self._parser is not None and self._parser.in_body

    @property
    def size(self) -> int:
        """About how many bytes of memory all this takes."""
        size = len(self._data) + sum(map(_size, self._ready))
        return size if self._parser is None else size + self._parsed + PARTIAL_SIZE

    def asks_for_leave(self) -> bool:
        """Whether a body waits to be asked for (RFC 9110, section 10.1.1). It is true once."""
        if self._parser is None or not self._parser.expects_continue:
            return False
        self._parser.expects_continue = False
        return True

    def too_slow(self) -> RequestError:
        """Return the error with which to answer what has not become a request in time."""
        assert self._parser is not None
        return self._parser.too_slow()

    def too_much(self, why: str) -> RequestError:
        """Return the error with which to answer what has no room."""
        if self._parser is None:
            return RequestError(HTTPStatus.SERVICE_UNAVAILABLE, f"{why}. Please try again")
        return self._parser.too_slow()

    def close(self) -> None:
        """Let go of everything."""
        self._ready.clear()
        self._data = b""
        self._at = 0
        self._parser = None

    def _parse(self) -> None:
        """Parse a piece more."""
        if self._parser is None:
            if blank := _LINE_ENDS.match(self._data, self._at):
                self._at = blank.end()
                return
            self._parser = RequestParser(self._limits)
        try:
            self._feed(self._parser)
        except RequestError as error:
            ready = [*self._ready, error]
            self.close()
            self._ready.extend(ready)

    def _feed(self, parser: RequestParser) -> None:
        start, end = self._at, self._end_of_piece(parser)
        piece = self._data[start:end]
        self._at = end
        self._ready.extend(parser.feed(piece))
        self._parsed = len(piece) + (0 if self._ready else self._parsed)
        if parser.idle:
            self._parser = None
            self._parsed = 0
        if end == len(self._data):
            self._data = b""
            self._at = 0

    def _end_of_piece(self, parser: RequestParser) -> int:
        """Return where to stop, so that hardly more than one request becomes complete.

        No more depends on it: the parser makes the same of the bytes, however they are cut.
        """
        if parser.body_left > 0:
            return min(self._at + parser.body_left, len(self._data))
        # The end of a chunked body is not known, and to stop at each line would take too long.
        least = CHUNKS_AT_ONCE if parser.in_body else 0
        empty_line = _EMPTY_LINE.search(self._data, self._at + least)
        return empty_line.end() if empty_line else len(self._data)


def _size(ready: Request | RequestError) -> int:
    body = len(ready.body) if isinstance(ready, Request) else 0
    return PARTIAL_SIZE + body
