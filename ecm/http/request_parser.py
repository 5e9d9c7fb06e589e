"""HTTP/1.x requests as clients send them (RFC 9112): bytes in, requests out. Pure."""

import re
from http import HTTPStatus
from typing import Final

from ecm.http.chunks import ChunkedBody
from ecm.http.head import fields, parse
from ecm.http.request import Head, Request, RequestError, RequestLimits

# How a head begins, which tells other protocols from HTTP before there is an end. And the end, also
# of a head whose lines end with LF, so that its client hears at once that this is wrong.
_METHOD: Final = re.compile(rb"[A-Z-]{1,32}(?: |\Z)")
_END: Final = re.compile(rb"\n\r?\n")

_EMPTY: Final = re.compile(rb"[\r\n]+")


class RequestParser:
    """Incremental parser: bytes in, split anywhere, and complete requests out.

    It holds what is not a request yet: a head and a body within their limits, and the bytes
    received behind them. While ``idle`` it holds nothing, and may be thrown away; otherwise
    ``in_body`` says how far it has come. ``expects_continue`` says that the client waits for a 100
    before it sends a body; whoever sends that sets it to False. ``is_behind`` says that more chunks
    of a body have come than ``next`` takes at once.
    """

    __slots__ = (
        "_body",
        "_chunks",
        "_ended",
        "_head",
        "_limits",
        "_looked",
        "_received",
        "expects_continue",
        "is_behind",
    )

    def __init__(self, limits: RequestLimits) -> None:
        self._limits = limits
        self._received = bytearray()
        # Whether nothing counts any more, as the last request of the connection has been made.
        self._ended = False
        self._begin()

    def _begin(self) -> None:
        # How far the end of a head has been looked for.
        self._looked = 0
        self._head: Head | None = None
        self._body = bytearray()
        self._chunks: ChunkedBody | None = None
        self.expects_continue = False
        self.is_behind = False

    @property
    def idle(self) -> bool:
        """True while nothing is held."""
        return self._head is None and not self._received

    @property
    def in_body(self) -> bool:
        """True once the head is complete, until the request is."""
        return self._head is not None

    @property
    def held(self) -> int:
        """The number of bytes that are held."""
        head = self._head.size if self._head is not None else 0
        return head + len(self._body) + len(self._received)

    def add(self, data: bytes) -> None:
        """Take bytes. Nothing is parsed before ``next`` asks for it."""
        self._received += data

    def next(self) -> Request | None:
        """Return the next request, or None where that is not complete, or ``is_behind``.

        Raises RequestError on anything that is not a request; the parser is useless after that.
        """
        if self._ended:
            self._received.clear()
            return None
        try:
            if self._head is None:
                self._read_head()
            if self._head is not None and self._read_body(self._head):
                return self._complete(self._head)
        except RequestError as error:
            error.method, error.headers = self.came()
            raise
        return None

    def clear(self) -> bytes:
        """Let go of everything, and begin anew. Returns the bytes that nothing was made of."""
        self._begin()
        received, self._received = bytes(self._received), bytearray()
        return received

    def timeout_error(self) -> RequestError:
        """Return the error of a request that was not complete in time."""
        why = "The request came too slowly"
        method, headers = self.came()
        return RequestError(HTTPStatus.REQUEST_TIMEOUT, why, headers, method)

    def came(self) -> tuple[bytes, list[tuple[bytes, bytes]]]:
        """Return the method and the headers that have come of a request that is not complete.

        The method is empty where it has not come.
        """
        if self._head is not None:
            return self._head.method, self._head.headers
        data = bytes(self._received[: self._limits.max_header_size])
        method, space, _ = data.lstrip(b"\r\n").partition(b" ")
        return method if space else b"", fields(data)

    def _read_head(self) -> None:
        received = self._received
        if not self._looked:
            _skip_empty_lines(received)
        match = _END.search(received, max(0, self._looked - 2))
        end = match.end() if match else len(received)
        if end and not _METHOD.match(received):
            raise RequestError(HTTPStatus.BAD_REQUEST, "This is not HTTP/1.1")
        if end > self._limits.max_header_size:
            raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too long")
        if match is None:
            self._looked = end
            return
        self._head = head = parse(bytes(received[:end]), self._limits.max_headers)
        del received[:end]
        self._looked = 0
        if head.length is None:
            self._chunks = ChunkedBody(self._limits.max_header_size - head.size)
        self.expects_continue = head.expects_continue and not received

    def _read_body(self, head: Head) -> bool:
        """Take what has come of a body, and return whether that is all that is kept of it."""
        if self._received:
            self.expects_continue = False
        if self._chunks is not None:
            complete = self._chunks.move(self._received, self._body, self._limits.max_body)
            self.is_behind = self._chunks.is_behind
        else:
            missing = min(self._length(head), self._limits.max_body) - len(self._body)
            self._body += self._received[:missing]
            del self._received[:missing]
            complete = len(self._body) == head.length
        return complete or (
            self._is_too_long(head) and len(self._body) >= self._limits.truncated_body
        )

    def _length(self, head: Head) -> int:
        """Return the bytes of the body, as far as they are known."""
        return self._chunks.length if self._chunks is not None else head.length or 0

    def _is_too_long(self, head: Head) -> bool:
        return self._length(head) > self._limits.max_body

    def _complete(self, head: Head) -> Request:
        """Return the request, and begin anew."""
        truncated = self._is_too_long(head)
        body = bytes(self._body[: self._limits.truncated_body] if truncated else self._body)
        self._begin()
        request = Request(head, body, truncated)
        self._ended = not request.keep_alive
        return request


def _skip_empty_lines(received: bytearray) -> None:
    """Delete empty lines before a request, which old clients send (RFC 9112, section 2.2)."""
    match = _EMPTY.match(received)
    if match is not None:
        del received[: match.end()]
