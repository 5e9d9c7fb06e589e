"""HTTP requests: limits, head, body, and the error of malformed ones. Pure."""

from collections.abc import Sequence
from http import HTTPStatus

import attrs

from ecm.limits import MAX_BODY, MAX_HEADER_SIZE, MAX_HEADERS, MAX_NUMBER, TRUNCATED_BODY
from ecm.option import number


@attrs.frozen
class RequestLimits:
    """Bytes of a head, header fields in it, bytes of a body."""

    max_header_size: int = attrs.field(
        default=MAX_HEADER_SIZE,
        metadata=number(
            "bytes",
            512,
            MAX_NUMBER,
            "Length of a request line with all headers, and of what frames the chunks of a body.",
            former="max-head",
        ),
    )
    max_headers: int = attrs.field(
        default=MAX_HEADERS,
        metadata=number("headers", 8, 10_000, "Number of headers of a request."),
    )
    max_body: int = attrs.field(
        default=MAX_BODY,
        metadata=number("bytes", 1024, MAX_NUMBER, "Length of a body, or of a WebSocket message."),
    )

    @property
    def truncated_body(self) -> int:
        """The length of what is kept of a body above ``max_body``."""
        return min(TRUNCATED_BODY, self.max_body)


@attrs.define  # and not frozen, which takes twice the time to make one
class Head:
    """The head of a request: its first line, and its fields. Nobody changes it.

    ``path`` is that of the target, without a query (RFC 9112, section 3.2). ``headers`` has names
    as they were received, and values without the white space around them. ``length`` is that of the
    body in bytes, or None where the body is chunked; ``size`` is that of the head. These two, and
    ``expects_continue``, say how to read on, and nothing of what is asked for.
    """

    method: bytes
    target: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    http10: bool
    keep_alive: bool
    length: int | None = attrs.field(default=0, eq=False)
    expects_continue: bool = attrs.field(default=False, eq=False)
    size: int = attrs.field(default=0, eq=False)


@attrs.define
class Request:
    """One complete request. Nobody changes it.

    Where it is ``truncated``, ``body`` is only the first bytes of one that is longer than bodies
    may be.
    """

    head: Head
    body: bytes
    truncated: bool = False

    @property
    def keep_alive(self) -> bool:
        """True if another request may follow: not where the end of this one is not read."""
        return self.head.keep_alive and not self.truncated


class RequestError(Exception):
    """The client sent what can only be answered with ``status``.

    Where a next request would start is not known: the connection must be closed. ``headers`` are
    those that had come by then; ``method`` is empty where it had not come.
    """

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        headers: Sequence[tuple[bytes, bytes]] = (),
        method: bytes = b"",
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = headers
        self.method = method


def require_whole(request: Request) -> None:
    """Raise RequestError where the body is too long to be read."""
    if request.truncated:
        status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        head = request.head
        raise RequestError(status, "The body is too long", head.headers, head.method)
