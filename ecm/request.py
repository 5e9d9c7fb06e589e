"""HTTP/1.x requests as clients send them (RFC 9112): bytes in, requests out.

The grammar is llhttp's, the parser of Node.js, through ``httptools``. All of it is pure.
"""

from collections.abc import Iterator
from http import HTTPStatus

import attrs
from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)

from ecm.limits import MAX_HEAD


@attrs.frozen
class Request:
    """One complete request.

    ``path`` is that of the target, without a query (RFC 9112, section 3.2). ``headers`` has names
    as they were received, and values without the white space around them.
    """

    method: bytes
    target: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    http10: bool
    keep_alive: bool


class RequestError(Exception):
    """The client sent what can only be answered with ``status``.

    Where a next request would start is not known: the connection has to be closed.
    """

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class RequestParser:
    """Takes bytes as they arrive, split anywhere, and gives the requests that are complete.

    It holds at most one incomplete request: ``max_head`` bytes of target and headers, and
    ``max_body`` bytes of body. Where ``idle`` is true it holds nothing, and may be thrown away.
    """

    __slots__ = (
        "_body",
        "_body_size",
        "_complete",
        "_error",
        "_head_done",
        "_head_size",
        "_headers",
        "_llhttp",
        "_max_body",
        "_max_head",
        "_target",
        "idle",
    )

    def __init__(self, max_body: int, max_head: int = MAX_HEAD) -> None:
        self._max_body = max_body
        self._max_head = max_head
        self._llhttp = HttpRequestParser(self)
        self._complete: list[Request] = []
        self._error: RequestError | None = None
        self.idle = True
        self._begin()

    def feed(self, data: bytes) -> Iterator[Request]:
        """Yield each request that ``data`` completes, in order.

        Raises RequestError once all the requests before the fault have been yielded; the parser
        is of no more use then. Nothing is taken before the first request is asked for.
        """
        try:
            self._parse(data)
            self._limit_open_head(len(data))
        except HttpParserError as error:
            self._error = self._error or RequestError(HTTPStatus.BAD_REQUEST, str(error))
        except RequestError as error:
            self._error = error
        complete, self._complete = self._complete, []
        yield from complete
        if self._error is not None:
            raise self._error

    def _parse(self, data: bytes) -> None:
        """Feed llhttp, and go on behind a request that would like to upgrade the protocol.

        A server may ignore the wish (RFC 9110, section 7.8).
        """
        while data:
            try:
                self._llhttp.feed_data(data)
                break
            except HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]

    def _limit_open_head(self, received: int) -> None:
        """Count the bytes of a head that is not complete: llhttp keeps parts of it to itself."""
        if not self.idle and not self._head_done:
            self._grow_head(received)

    def _grow_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._max_head:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too long")

    def _grow_body(self, size: int) -> None:
        self._body_size += size
        if self._body_size > self._max_body:
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long")

    def _fail(self, status: HTTPStatus, reason: str) -> None:
        # httptools hides what a callback raises behind an exception of its own.
        self._error = RequestError(status, reason)
        raise self._error

    # What httptools calls; an exception ends the parsing.

    def on_message_begin(self) -> None:
        self.idle = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._head_done = False
        self._body: list[bytes] = []
        self._body_size = 0

    def on_url(self, part: bytes) -> None:
        self._grow_head(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow_head(len(name) + len(value))
        if not self._head_done:  # fields of a trailer may be discarded (RFC 9110, section 6.5.1)
            self._headers.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        self._head_done = True
        if self._llhttp.should_upgrade():
            self._refuse_tunnel()
        for name, value in self._headers:
            if name.lower() == b"content-length":
                self._refuse_long_body(int(value))

    def _refuse_tunnel(self) -> None:
        """Refuse what makes llhttp stop before the body, which it would take for a request."""
        names = {name.lower() for name, _ in self._headers}
        has_body = not names.isdisjoint({b"content-length", b"transfer-encoding"})
        if has_body or self._llhttp.get_method() == b"CONNECT":
            self._fail(HTTPStatus.NOT_IMPLEMENTED, "No other protocol is spoken here")

    def _refuse_long_body(self, announced: int) -> None:
        if announced > self._max_body:
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long")

    def on_body(self, part: bytes) -> None:
        self._grow_body(len(part))
        self._body.append(part)

    def on_message_complete(self) -> None:
        version = self._llhttp.get_http_version()
        if version not in ("1.1", "1.0"):
            self._fail(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "HTTP/1.1 and 1.0 are spoken here")
        self._complete.append(
            Request(
                method=self._llhttp.get_method(),
                target=self._target,
                path=self._path(),
                headers=self._headers,
                body=b"".join(self._body),
                http10=version == "1.0",
                keep_alive=self._llhttp.should_keep_alive(),
            )
        )
        self.idle = True

    def _path(self) -> bytes:
        if self._target.startswith(b"/"):
            return self._target.partition(b"?")[0]
        try:
            return parse_url(self._target).path or b"/"
        except HttpParserInvalidURLError:
            self._fail(HTTPStatus.BAD_REQUEST, "The target is no URL")
            raise
