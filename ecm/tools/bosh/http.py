"""BOSH's requests and answers as HTTP/1.1 (RFC 9112). Pure.

Only what a BOSH client needs to know is parsed.
"""

import re
from typing import NamedTuple

# A longer answer is to nothing that a client here has asked for.
MAX_HEAD = 16 * 1024
MAX_BODY = 16 * 1024 * 1024

_STATUS = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.I)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.I)
_RETRY_AFTER = re.compile(rb"\r\nretry-after:[ \t]*([0-9]{1,6})[ \t]*\r\n", re.I)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,7})[ \t]*(?:;[^\r\n]*)?\r\n")


class BadAnswer(Exception):
    """Not an answer that can be read here; the text says why."""


class Answer(NamedTuple):
    """``persists`` is whether the connection may be used again, ``rest`` what followed.

    ``retry_after`` is when to come again, in seconds, 0 if the server does not say.
    """

    status: int
    body: bytes
    persists: bool
    rest: bytes
    retry_after: int = 0


def cut(data: bytes) -> Answer | None:
    """Return the answer at the beginning of ``data``, None while it is incomplete.

    Raises BadAnswer.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD:
            raise BadAnswer("head too long")
        return None
    start = _STATUS.match(data)
    if start is None:
        raise BadAnswer("not HTTP")
    body = _body(data, end)
    if body is None:
        return None
    content, behind = body
    persists = start[1] == b"1" and _CLOSE.search(data, 0, end + 2) is None
    status, retry_after = int(start[2]), None
    if status == 503:
        retry_after = _RETRY_AFTER.search(data, 0, end + 2)
    seconds = int(retry_after[1]) if retry_after else 0
    return Answer(status, content, persists, data[behind:], seconds)


def _body(data: bytes, end: int) -> tuple[bytes, int] | None:
    """Return the body and where it ends, None while it is incomplete."""
    length = _LENGTH.search(data, 0, end + 2)
    if length is None:
        if _CHUNKED.search(data, 0, end + 2) is None:
            raise BadAnswer("no length")
        return _dechunked(data, end + 4)
    size = int(length[1])
    if size > MAX_BODY:
        raise BadAnswer("body too long")
    behind = end + 4 + size
    return (data[end + 4 : behind], behind) if len(data) >= behind else None


def _dechunked(data: bytes, at: int) -> tuple[bytes, int] | None:
    """RFC 9112, section 7.1, without trailers."""
    parts = []
    while True:
        head = _CHUNK.match(data, at)
        if head is None:
            if b"\r\n" in data[at:] or len(data) - at > MAX_HEAD:
                raise BadAnswer("not a chunk")
            return None
        size = int(head[1], 16)
        at = head.end() + size
        if len(data) < at + 2:
            if at > MAX_BODY:
                raise BadAnswer("body too long")
            return None
        if data[at : at + 2] != b"\r\n":
            raise BadAnswer("no end of a chunk")
        parts.append(data[head.end() : at])
        at += 2
        if not size:
            return b"".join(parts), at


class Endpoint:
    """Makes the requests to one URL of a server."""

    __slots__ = ("_head",)

    def __init__(self, host: str, path: str) -> None:
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: {host}\r\n"
            "Content-Type: text/xml; charset=utf-8\r\nContent-Length: "
        ).encode()

    def post(self, body: bytes) -> bytes:
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)
