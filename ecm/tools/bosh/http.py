"""An answer to a BOSH request: HTTP (RFC 9112) around a body (XEP-0124). Pure.

Nothing is parsed that the user does not need to know. There is no tree.
"""

import re
from typing import NamedTuple

# An answer with more is nothing that a user of the swarm has asked for.
MAX_HEAD = 16 * 1024
MAX_BODY = 16 * 1024 * 1024

_STATUS = re.compile(rb"HTTP/1\.([01]) ([0-9]{3})[ \r]")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.I)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n", re.I)
_CLOSE = re.compile(rb"\r\nconnection:[ \t]*close[ \t]*\r\n", re.I)
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,7})[ \t]*(?:;[^\r\n]*)?\r\n")

# A start tag, with values in which there may be a ">" (XML 1.0, section 3.1).
_START = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?<body((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
_SID = re.compile(rb"\ssid\s*=\s*[\"']([^\"']+)")
_HOLD = re.compile(rb"\shold\s*=\s*[\"']([0-9]{1,9})[\"']")
_TERMINATE = re.compile(rb"\stype\s*=\s*[\"']terminate[\"']")
_CONDITION = re.compile(rb"\scondition\s*=\s*[\"']([^\"']+)")


class BadAnswer(Exception):
    """This is not HTTP that can be read here; the text says why."""


class Answer(NamedTuple):
    """``persists`` says whether the connection may be used again, ``rest`` is what came behind."""

    status: int
    body: bytes
    persists: bool
    rest: bytes


def cut(data: bytes) -> Answer | None:
    """Return the answer with which ``data`` begins, None where it is not complete.

    Raises BadAnswer.
    """
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD:
            raise BadAnswer("too long a head")
        return None
    start = _STATUS.match(data)
    if start is None:
        raise BadAnswer("no HTTP")
    body = _body(data, end)
    if body is None:
        return None
    content, behind = body
    persists = start[1] == b"1" and _CLOSE.search(data, 0, end + 2) is None
    return Answer(int(start[2]), content, persists, data[behind:])


def _body(data: bytes, end: int) -> tuple[bytes, int] | None:
    """Return the body, and where it ends; None where it is not complete."""
    length = _LENGTH.search(data, 0, end + 2)
    if length is None:
        if _CHUNKED.search(data, 0, end + 2) is None:
            raise BadAnswer("no length")
        return _dechunked(data, end + 4)
    size = int(length[1])
    if size > MAX_BODY:
        raise BadAnswer("too long a body")
    behind = end + 4 + size
    return (data[end + 4 : behind], behind) if len(data) >= behind else None


def _dechunked(data: bytes, at: int) -> tuple[bytes, int] | None:
    """RFC 9112, section 7.1, without trailers."""
    parts = []
    while True:
        head = _CHUNK.match(data, at)
        if head is None:
            if b"\r\n" in data[at:] or len(data) - at > MAX_HEAD:
                raise BadAnswer("no chunk")
            return None
        size = int(head[1], 16)
        at = head.end() + size
        if len(data) < at + 2:
            if at > MAX_BODY:
                raise BadAnswer("too long a body")
            return None
        if data[at : at + 2] != b"\r\n":
            raise BadAnswer("no end of a chunk")
        parts.append(data[head.end() : at])
        at += 2
        if not size:
            return b"".join(parts), at


def attributes(body: bytes) -> bytes:
    """Return what is in the start tag of the body. Raises BadAnswer."""
    start = _START.match(body)
    if start is None:
        raise BadAnswer("no body of BOSH")
    return start[1]


def sid(body: bytes) -> bytes | None:
    """Return the ID of the session that has begun, as it stands in the XML. Raises BadAnswer."""
    found = _SID.search(attributes(body))
    return found[1] if found else None


def hold(body: bytes) -> int:
    """Return how many requests a session holds that has begun (XEP-0124, section 7.2). Raises
    BadAnswer."""
    found = _HOLD.search(attributes(body))
    return int(found[1]) if found else 1


def termination(body: bytes) -> str | None:
    """Return the condition with which the session has ended (XEP-0124, section 17), None if it
    goes on. Raises BadAnswer."""
    if b"terminate" not in body:  # nearly always; spares the regular expression
        return None
    tag = attributes(body)
    if _TERMINATE.search(tag) is None:
        return None
    condition = _CONDITION.search(tag)
    return condition[1].decode(errors="replace") if condition else "without a condition"
