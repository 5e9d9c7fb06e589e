"""Heads of requests that have been parsed before, so that they need not be parsed again. Pure.

A browser sends the very same head with every poll. What a head means depends on nothing but its
bytes: where all of them are known, so is the request.
"""

from typing import Final

import attrs

from ecm.http.request import Request
from ecm.limits import MAX_CACHED_HEAD, MAX_CACHED_HEADS

_END: Final = b"\r\n\r\n"


@attrs.frozen
class _Head:
    """What a head says: a request, but for its body; and the bytes that its body has."""

    method: bytes
    target: bytes
    path: bytes
    headers: list[tuple[bytes, bytes]]
    http10: bool
    keep_alive: bool
    length: int


class KnownHeads:
    """The heads of some requests that the parser has taken, by their bytes without the empty line.

    All connections share it. When it is half full, the other half is emptied, but for what has been
    used meanwhile: whoever sends ever new heads takes from nobody those that many use.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, _Head] = {}
        self._older: dict[bytes, _Head] = {}
        # About how many bytes of memory the newer ones take.
        self._size = 0

    def recall(self, data: bytes) -> Request | None:
        """Return the request that ``data`` is: exactly one, whole, with a known head. Else None.

        ``data`` has to begin where a request may begin.
        """
        start, end, body = data.partition(_END)
        head = self._heads.get(start) or self._recall_older(start)
        if head is None or not end or len(body) != head.length:
            return None
        return Request(
            head.method,
            head.target,
            head.path,
            head.headers,
            body,
            head.http10,
            head.keep_alive,
        )

    def learn(self, data: bytes, request: Request) -> None:
        """Remember the head of ``data``, which a new parser has taken for just this request.

        Left out is what might end elsewhere than at its first empty line and after a certain
        number of bytes (RFC 9112, section 6): with the length of each chunk in the body, or with
        lines that do not end with CRLF; or a body that is not all there.
        """
        start, end, body = data.partition(_END)
        if request.truncated or not end or len(start) > MAX_CACHED_HEAD or request.body != body:
            return
        if b"\n" in start.replace(b"\r\n", b"") or _is_chunked(request):
            return
        head = _Head(
            request.method,
            request.target,
            request.path,
            request.headers,
            request.http10,
            request.keep_alive,
            len(body),
        )
        self._keep(start, head)

    def _recall_older(self, start: bytes) -> _Head | None:
        head = self._older.pop(start, None)
        if head is not None:
            self._keep(start, head)
        return head

    def _keep(self, start: bytes, head: _Head) -> None:
        size = _size(start, head)
        if self._size + size > MAX_CACHED_HEADS // 2:
            self._older, self._heads, self._size = self._heads, {}, 0
        if start not in self._heads:
            self._size += size
        self._heads[start] = head


def _size(start: bytes, head: _Head) -> int:
    """Return about how many bytes of memory a head takes, as it came and in fields."""
    return 2 * len(start) + 128 * len(head.headers) + 256


def _is_chunked(request: Request) -> bool:
    return any(name.lower() == b"transfer-encoding" for name, _ in request.headers)
