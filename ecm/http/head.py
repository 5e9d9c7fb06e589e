"""The head of a request (RFC 9112, sections 2 to 6): its bytes in, what it says out. Pure.

The grammar of targets and fields is llhttp's, the parser of Node.js, through ``httptools``. It gets
a head once that is whole, and nothing else: what comes in pieces httptools would join again with
each of them. What the fields say of the request is looked at here.
"""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn

from httptools import (
    HttpParserError,
    HttpParserInvalidURLError,
    HttpParserUpgrade,
    HttpRequestParser,
    parse_url,
)

from ecm.http.request import Head, RequestError

# Request lines of other versions than are spoken here. One without a version is of HTTP/0.9.
_OTHER_VERSION: Final = re.compile(rb"[A-Z-]+ [^ ]+ HTTP/[0-9]\.[0-9]|[A-Z-]+ /[^ ]*")
_HTTP_1_1: Final = b"HTTP/1.1"
_HTTP_1_0: Final = b"HTTP/1.0"

# The fields that say where a request ends and whom it is for, of which there may be one; and those
# whose lists may go on in another line of the same name (RFC 9110, section 5.3).
_SINGLE: Final = {b"content-length", b"transfer-encoding", b"host"}
_LISTS: Final = {b"connection", b"expect"}

# A host and a port (RFC 3986, section 3.2.2): a name or an address, which may be empty.
_HOST: Final = re.compile(rb"(?:\[[0-9A-Za-z:.~_%-]+\]|[0-9A-Za-z._~!$&'()*+,;=%-]*)(?::[0-9]*)?")

# Digits of a Content-Length that may still be within a limit; Python refuses to read thousands. A
# length with more is this many bytes, which is as much too long.
_MAX_DIGITS: Final = 12
_HOPELESS: Final = 10**_MAX_DIGITS

_Fields = list[tuple[bytes, bytes]]


class _Reader:
    """The findings of llhttp in a head."""

    __slots__ = ("complete", "fields", "target")

    def __init__(self) -> None:
        self.target = b""
        self.fields: _Fields = []
        self.complete = False

    # What httptools calls, in this order.

    def on_message_begin(self) -> None:
        """A request begins."""

    def on_url(self, target: bytes) -> None:
        self.target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self.fields.append((name, value.strip()))

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_message_complete(self) -> None:
        """There is no body, as far as llhttp is told."""


def parse(data: bytes, max_headers: int) -> Head:
    """Return what a head says; ``data`` begins with its first line and ends with its empty one.

    Raises RequestError.
    """
    method, http10 = _request_line(data.partition(b"\r\n")[0])
    found, why = _read(data)
    if len(found.fields) > max_headers:
        raise RequestError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "There are too many headers")
    # Each line is one field, but for the first and the last: llhttp has read no other lines than
    # anybody else would.
    if not found.complete or data.count(b"\n") != len(found.fields) + 2:
        _refuse(f"This is not HTTP/1.1: {why or 'There are odd line ends'}")
    return _head(method, http10, found, len(data))


def fields(data: bytes) -> _Fields:
    """Return the fields in the first bytes of a head, as far as they are complete."""
    return _read(data)[0].fields


def _refuse(reason: str) -> NoReturn:
    raise RequestError(HTTPStatus.BAD_REQUEST, reason)


def _request_line(line: bytes) -> tuple[bytes, bool]:
    """Return the method, and whether the line is of HTTP/1.0. The rest is llhttp's to look at."""
    parts = line.split(b" ")
    if len(parts) == 3 and parts[2] in (_HTTP_1_1, _HTTP_1_0):
        return parts[0], parts[2] == _HTTP_1_0
    if _OTHER_VERSION.fullmatch(line):
        status, why = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "Only 1.0 and 1.1 are spoken here"
        raise RequestError(status, why)
    _refuse("This is not HTTP/1.1: The first line is not a request line")


def _read(data: bytes) -> tuple[_Reader, str]:
    """Return what llhttp finds in a head, and why it has found no more, if that is an error.

    Behind the head there is nothing for llhttp: it makes no difference what it would take for it.
    """
    found = _Reader()
    try:
        HttpRequestParser(found).feed_data(data)
    except HttpParserUpgrade:
        pass
    except HttpParserError as error:
        return found, str(error)
    return found, ""


def _head(method: bytes, http10: bool, found: _Reader, size: int) -> Head:
    known = _known(found.fields)
    _check_host(known.get(b"host"), http10)
    if method == b"CONNECT":
        raise RequestError(HTTPStatus.NOT_IMPLEMENTED, "There is no way through here")
    return Head(
        method,
        found.target,
        _path(found.target),
        found.fields,
        http10,
        _keeps_alive(known, http10),
        _length(method, known, http10),
        not http10 and b"100-continue" in _tokens(known.get(b"expect", b"")),
        size,
    )


def _known(found: _Fields) -> dict[bytes, bytes]:
    """Return the fields that say what a request is, with names in small letters."""
    known: dict[bytes, bytes] = {}
    for name, value in found:
        key = name.lower()
        if key in _LISTS:
            known[key] = b"%b,%b" % (known[key], value) if key in known else value
        elif key in _SINGLE:
            if key in known:
                _refuse(f"There are two headers {name.decode()}")
            known[key] = value
    return known


def _check_host(host: bytes | None, http10: bool) -> None:
    """Check the host (RFC 9112, section 3.2); nothing here is different from host to host."""
    if host is None:
        if not http10:
            _refuse("HTTP/1.1 needs a Host")
    elif not _HOST.fullmatch(host):
        _refuse("The Host is malformed")


def _path(target: bytes) -> bytes:
    if b"#" in target:
        _refuse("The target has a fragment")
    if target.startswith(b"/"):
        return target.partition(b"?")[0]
    try:
        return parse_url(target).path or b"/"
    except HttpParserInvalidURLError:
        _refuse("The target is not a URL")


def _tokens(value: bytes) -> list[bytes]:
    return [token.strip() for token in value.lower().split(b",")]


def _keeps_alive(known: Mapping[bytes, bytes], http10: bool) -> bool:
    """Return whether the connection may stay open (RFC 9112, section 9.3)."""
    if b"connection" not in known:
        return not http10
    options = _tokens(known[b"connection"])
    return b"close" not in options and (not http10 or b"keep-alive" in options)


def _length(method: bytes, known: Mapping[bytes, bytes], http10: bool) -> int | None:
    """Return the length of the body, or None where it is chunked (RFC 9112, section 6)."""
    coding, length = known.get(b"transfer-encoding"), known.get(b"content-length")
    if coding is not None:
        _check_coding(coding.lower(), length, http10)
        return None
    if length is not None:
        if not length.isdigit():
            _refuse("The Content-Length is malformed")
        length = length.lstrip(b"0") or b"0"
        return int(length) if len(length) <= _MAX_DIGITS else _HOPELESS
    if method == b"POST":
        raise RequestError(HTTPStatus.LENGTH_REQUIRED, "A POST needs a Content-Length")
    return 0


def _check_coding(coding: bytes, length: bytes | None, http10: bool) -> None:
    if length is not None:
        _refuse("There are a Content-Length and a Transfer-Encoding")
    if coding != b"chunked":
        raise RequestError(HTTPStatus.NOT_IMPLEMENTED, "The only transfer coding is chunked")
    if http10:
        _refuse("HTTP/1.0 has no transfer codings")
