"""A cache of parsed heads. Pure.

A browser sends the very same head with every poll. The meaning of a head depends on nothing but its
bytes: where all of them are known, so is the request.
"""

from typing import Final

from ecm.http.request import Head, Request
from ecm.limits import MAX_CACHED_HEAD, MAX_CACHED_HEADS

_END: Final = b"\r\n\r\n"
_KEY: Final = b"sec-websocket-key"


class HeadCache:
    """Heads that the parser has taken, by their bytes without the empty line.

    All connections share it. It has two halves: when the newer one is full, it becomes the older
    one, whose heads are dropped but for those that have been used meanwhile. So a client that sends
    ever new heads displaces none that many use.
    """

    def __init__(self) -> None:
        self._newer: dict[bytes, Head] = {}
        self._older: dict[bytes, Head] = {}
        # About how many bytes of memory the newer ones take.
        self._size = 0

    def get(self, data: bytes) -> Request | None:
        """Return the request that ``data`` is: exactly one, whole, with a known head; or None.

        ``data`` must begin where a request may begin.
        """
        start, end, body = data.partition(_END)
        head = self._newer.get(start) or self._get_older(start)
        if head is None or not end or len(body) != head.length:
            return None
        return Request(head, body)

    def add(self, data: bytes, request: Request) -> None:
        """Keep the head of ``data``, which a new parser has taken for just this request.

        Left out is what might end elsewhere than at its first empty line and after a certain
        number of bytes (RFC 9112, section 6): with the length of each chunk in the body, or with
        lines that do not end with CRLF; or a body that is not all there. And what never comes
        again: the handshake of a WebSocket has another key each time.
        """
        start, end, body = data.partition(_END)
        if request.truncated or not end or len(start) > MAX_CACHED_HEAD or request.body != body:
            return
        if b"\n" in start.replace(b"\r\n", b"") or request.head.length is None:
            return
        if not any(name.lower() == _KEY for name, _ in request.head.headers):
            self._keep(start, request.head)

    def _get_older(self, start: bytes) -> Head | None:
        head = self._older.pop(start, None)
        if head is not None:
            self._keep(start, head)
        return head

    def _keep(self, start: bytes, head: Head) -> None:
        size = _size(start, head)
        if self._size + size > MAX_CACHED_HEADS // 2:
            self._older, self._newer, self._size = self._newer, {}, 0
        if start not in self._newer:
            self._size += size
        self._newer[start] = head


def _size(start: bytes, head: Head) -> int:
    """Return about how many bytes of memory a head takes, as it came and in fields."""
    return 2 * len(start) + 128 * len(head.headers) + 256
