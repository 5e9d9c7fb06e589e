"""A request of a client, and what can only be answered as one that is none. Pure."""

from collections.abc import Sequence
from http import HTTPStatus

import attrs

from ecm.limits import MAX_BODY, MAX_HEADER_SIZE, MAX_HEADERS


@attrs.frozen
class RequestLimits:
    """Bytes of a head, header fields in it, bytes of a body."""

    max_header_size: int = MAX_HEADER_SIZE
    max_headers: int = MAX_HEADERS
    max_body: int = MAX_BODY


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


def too_long(request: Request) -> RequestError:
    """Return the error with which to answer a request whose body is too long for anybody."""
    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    return RequestError(status, "The body is too long", request.headers)
