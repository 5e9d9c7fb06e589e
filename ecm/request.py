"""HTTP/1.x requests as clients send them (RFC 9112): bytes in, requests out.

The grammar is llhttp's, the parser of Node.js, through ``httptools``. All of it is pure.
"""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from typing import Final, NoReturn

import attrs
from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)

from ecm.limits import ClientLimits

# Digits of a Content-Length that may still be within a limit; Python refuses to read thousands.
_MOST_DIGITS: Final = 12

# The headers that say where a request ends and whom it is for.
_FRAMING: Final = {b"content-length", b"transfer-encoding", b"host", b"expect"}


@attrs.define  # and not frozen, which takes twice the time to make one
class Request:
    """One complete request. Nobody changes it.

    ``path`` is that of the target, without a query (RFC 9112, section 3.2). ``headers`` has names
    as they were received, and values without the white space around them. Where it is
    ``truncated``, ``body`` is only the first bytes of one that is longer than bodies may be.
    """

    method: bytes
    target: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    http10: bool
    keep_alive: bool
    truncated: bool = False


class RequestError(Exception):
    """The client sent what can only be answered with ``status``.

    Where a next request would start is not known: the connection has to be closed. ``headers`` are
    those that had come by then.
    """

    def __init__(
        self, status: HTTPStatus, reason: str, headers: Sequence[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers


class RequestParser:
    """Takes bytes as they arrive, split anywhere, and gives the requests that are complete.

    It holds at most one incomplete request, within the limits for a head and a body. Where ``idle``
    is true it holds nothing, and may be thrown away; else ``in_body`` says how far it has come.
    """

    __slots__ = (
        "_body",
        "_body_size",
        "_complete",
        "_error",
        "_head_received",
        "_head_size",
        "_headers",
        "_length",
        "_limits",
        "_llhttp",
        "_target",
        "expects_continue",
        "idle",
        "in_body",
    )

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
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
            self._error = self._error or RequestError(
                HTTPStatus.BAD_REQUEST, f"This is no HTTP/1.1: {error}", self._headers
            )
        except RequestError as error:
            self._error = error
        complete, self._complete = self._complete, []
        yield from complete
        if self._error is not None:
            raise self._error

    def too_slow(self) -> RequestError:
        """Return the error with which to answer what has not become a request in time."""
        why = "The request came too slowly"
        return RequestError(HTTPStatus.REQUEST_TIMEOUT, why, self._headers)

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
        """Count the bytes of a head that is not complete: llhttp keeps parts of it to itself.

        Where another request has ended in the same bytes, it is not known how many are the head's.
        """
        if not self.idle and not self.in_body and not self._complete:
            self._head_received += received
            if self._head_received > self._limits.max_head:
                self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too long")

    def _grow_head(self, size: int) -> None:
        self._head_size += size
        if self._head_size > self._limits.max_head:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The head is too long")

    def _grow_body(self, size: int) -> None:
        self._body_size += size
        if self._body_size > self._limits.max_body:
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long")

    def _fail(self, status: HTTPStatus, reason: str) -> NoReturn:
        # httptools hides what a callback raises behind an exception of its own.
        self._error = RequestError(status, reason, self._headers)
        raise self._error

    # What httptools calls; an exception ends the parsing.

    def on_message_begin(self) -> None:
        self.idle = False
        self._begin()

    def _begin(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._head_received = 0
        self.in_body = False
        self.expects_continue = False
        self._body: list[bytes] = []
        self._body_size = 0
        self._length = 0

    @property
    def body_left(self) -> int:
        """How many bytes of a body are to come, where its length is known; else 0, or less."""
        return self._length - self._body_size

    def on_url(self, part: bytes) -> None:
        self._grow_head(len(part))
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._grow_head(len(name) + len(value))
        if self.in_body:
            return  # fields of a trailer may be discarded (RFC 9110, section 6.5.1)
        self._headers.append((name, value.strip()))
        if len(self._headers) > self._limits.max_fields:
            self._fail(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "There are too many headers")

    def on_headers_complete(self) -> None:
        self.in_body = True
        fields = self._framing_fields()
        if fields.keys() & {b"content-length", b"transfer-encoding"}:
            self._check_body(fields)
        elif self._llhttp.get_method() == b"POST":
            self._fail(HTTPStatus.LENGTH_REQUIRED, "A POST needs a Content-Length")
        if self._llhttp.should_upgrade() and self._llhttp.get_method() == b"CONNECT":
            self._fail(HTTPStatus.NOT_IMPLEMENTED, "There is no way through here")

    def _framing_fields(self) -> dict[bytes, bytes]:
        """Return the headers that say what a request is, none of which may be there twice."""
        fields: dict[bytes, bytes] = {}
        for name, value in self._headers:
            key = name.lower()
            if key in _FRAMING and fields.setdefault(key, value) is not value:
                self._fail(HTTPStatus.BAD_REQUEST, f"There are two headers {name.decode()}")
        return fields

    def _check_body(self, fields: dict[bytes, bytes]) -> None:
        """Check how a body is sent (RFC 9112, section 6)."""
        coding = fields.get(b"transfer-encoding", b"chunked")
        if coding.lower() != b"chunked":
            self._fail(HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding is chunked")
        if b"transfer-encoding" in fields and self._llhttp.get_http_version() == "1.0":
            self._fail(HTTPStatus.BAD_REQUEST, "HTTP/1.0 has no transfer codings")
        if self._llhttp.should_upgrade():  # llhttp would take the body for a request
            self._fail(HTTPStatus.NOT_IMPLEMENTED, "No other protocol is spoken here")
        length = fields.get(b"content-length", b"").lstrip(b"0") or b"0"
        if len(length) > _MOST_DIGITS or int(length) > self._limits.max_body:
            self._fail(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too long")
        self._length = int(length)
        self.expects_continue = fields.get(b"expect", b"").lower() == b"100-continue"

    def on_body(self, part: bytes) -> None:
        self._grow_body(len(part))
        self._body.append(part)

    def on_message_complete(self) -> None:
        version = self._llhttp.get_http_version()
        if version not in ("1.1", "1.0"):
            self._fail(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Only 1.0 and 1.1 are spoken here")
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
