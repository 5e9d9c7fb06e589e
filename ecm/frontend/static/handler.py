"""The handler of static files: conditions, parts of files, types, and no more memory than a chunk.

Twisted's own (``twisted.web.static``) sends more than it announces where a file grows or several
ranges are asked for, waits for FIFOs, and takes an encoded slash for one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from email.utils import formatdate
from http import HTTPStatus
from mimetypes import guess_type
from os import fsdecode, fsencode
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import attrs

from ecm.frontend.blame import blame_request
from ecm.frontend.exchange import BrokenResponse, Exchange, Parts
from ecm.frontend.static.files import WELL_KNOWN, MissingSlash, NotThere, OpenFile, find
from ecm.http.byte_range import Unsatisfiable, part
from ecm.http.request import Head, Request
from ecm.limits import FILE_CHUNK, MAX_OPEN_PAGES, RETRY_AFTER

# Of files whose names say nothing of it: pages with short addresses; others; and a file that is
# looked for by name (RFC 6415, which XEP-0156 builds on).
_PAGE: Final = "text/html"
_UNKNOWN: Final = "application/octet-stream"
_NAMED: Final = {"host-meta": "application/xrd+xml"}

# The codings that browsers undo (RFC 9110, section 8.4.1).
_CODINGS: Final = ("gzip", "br")

_BLAMED: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)

_TEXTS: Final = {
    HTTPStatus.NOT_FOUND: b"There is nothing here.\n",
    HTTPStatus.FORBIDDEN: b"This file cannot be read.\n",
    HTTPStatus.METHOD_NOT_ALLOWED: b"Files take GET and HEAD.\n",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: b"The file has no such part.\n",
    HTTPStatus.SERVICE_UNAVAILABLE: b"Too many files are being read. Please try again.\n",
    HTTPStatus.FOUND: b"This is a folder.\n",
}


@attrs.define
class _Response:
    """A response before it is sent: of what ``read`` returns, the bytes from ``begin`` to ``end``.

    ``read`` is given where to begin and how many; it returns fewer where there are no more.
    """

    fields: dict[bytes, bytes] = attrs.field(
        factory=lambda: {b"X-Content-Type-Options": b"nosniff"}
    )
    status: HTTPStatus = HTTPStatus.OK
    read: Callable[[int, int], bytes] = lambda begin, size: b""
    begin: int = 0
    end: int = 0

    def head(self, lines: bytes) -> bytes:
        """Return the first line and the fields, after ``lines``, which are others."""
        fields = b"".join(b"%b: %b\r\n" % field for field in self.fields.items())
        first = b"HTTP/1.1 %d %b\r\n" % (self.status, self.status.phrase.encode())
        return b"%b%b%b\r\n" % (first, lines, fields)


class StaticHandler:
    """Responds with the files below a folder."""

    exchange = Exchange

    def __init__(self, folder: str) -> None:
        self._top = fsencode(Path(folder).absolute())
        self._open = 0

    def handle(self, exchange: Exchange, request: Request) -> None:
        exchange.take_whole(request)
        exchange.respond(self._parts(exchange, request.head))

    def _parts(self, exchange: Exchange, head: Head) -> Parts:
        """Yield a response, part by part. Nothing is opened before its first part is due.

        It is never more than was announced; a file may have become shorter.
        """
        with self._response(head) as response:
            exchange.count_status(f"{response.status:d}")
            if response.status in _BLAMED:
                blame_request(exchange, head, response.status)
            begin, end = response.begin, response.end
            content = _read(response, begin, min(end - begin, FILE_CHUNK))
            yield response.head(exchange.headers()) + content
            begin += len(content)
            while begin < end:
                content = _read(response, begin, min(end - begin, FILE_CHUNK))
                if not content:
                    raise BrokenResponse
                yield content
                begin += len(content)

    @contextmanager
    def _response(self, head: Head) -> Iterator[_Response]:
        """Find what to respond, and keep its file open, unless it fits into a chunk."""
        response = _Response()
        with ExitStack() as opened:
            self._find(response, head, opened)
            if head.method == b"HEAD":
                response.end = response.begin
            yield response

    def _find(self, response: _Response, head: Head, opened: ExitStack) -> None:
        if head.method == b"OPTIONS" and head.path == b"*":  # of the server, not of a file
            response.fields[b"Content-Length"] = b"0"
            return
        if head.method not in (b"GET", b"HEAD"):
            response.fields[b"Allow"] = b"GET, HEAD"
            _set_text(response, HTTPStatus.METHOD_NOT_ALLOWED)
            return
        path = [unquote_to_bytes(name) for name in head.path.removeprefix(b"/").split(b"/")]
        try:
            self._begin(response, head, path, opened)
        except NotThere:
            _set_text(response, HTTPStatus.NOT_FOUND)
        except MissingSlash:
            # Relative, so that neither Host nor a path of two slashes leads to another server.
            response.fields[b"Location"] = b"./%b/" % quote(path[-1]).encode()
            _set_text(response, HTTPStatus.FOUND)
        except Unsatisfiable:
            _set_text(response, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        except PermissionError:
            _set_text(response, HTTPStatus.FORBIDDEN)
        except OSError:  # too many files are open
            _set_busy(response)

    def _begin(
        self, response: _Response, head: Head, path: Sequence[bytes], opened: ExitStack
    ) -> None:
        """Open a file. One that fits into a chunk is read and closed at once."""
        file = find(self._top, path)
        with ExitStack() as closing:
            closing.callback(file.close)
            _set_type(response, file, path)
            if file.size > FILE_CHUNK and self._open >= MAX_OPEN_PAGES:
                _set_busy(response)
                return
            _set_part(response, head, file)
            if response.end - response.begin <= FILE_CHUNK:
                content = file.read(response.begin, response.end - response.begin)
                response.read = _reader(content, response.begin)
                return
            self._open += 1
            closing.callback(self._closed)
            response.read = file.read
            opened.push(closing.pop_all())

    def _closed(self) -> None:
        self._open -= 1


def _read(response: _Response, begin: int, size: int) -> bytes:
    """Return a chunk. Raises BrokenResponse where the file cannot be read any more."""
    try:
        return response.read(begin, size)
    except OSError as error:
        raise BrokenResponse from error


def _reader(content: bytes, begin: int) -> Callable[[int, int], bytes]:
    """Return a function that reads from memory what stands in a file from ``begin`` on."""
    return lambda at, size: content[at - begin : at - begin + size]


def _set_part(response: _Response, head: Head, file: OpenFile) -> None:
    """Set the part of a file to be sent, and the fields that say so. Raises Unsatisfiable."""
    changed = formatdate(file.changed, usegmt=True).encode()
    response.fields[b"Accept-Ranges"] = b"bytes"
    response.fields[b"Last-Modified"] = changed
    # The time is compared as what it was given as (RFC 9110, section 13.1.3, allows it). Beside
    # tags, which another server has given, it does not count: there are none here.
    since = _values(head, b"if-modified-since")
    if since[-1:] == [changed] and not _values(head, b"if-none-match"):
        response.status = HTTPStatus.NOT_MODIFIED
        return
    asked = _asked_part(response, head, file, changed)
    response.begin, response.end = asked or (0, file.size)
    if asked:
        response.status = HTTPStatus.PARTIAL_CONTENT
        content_range = b"bytes %d-%d/%d" % (response.begin, response.end - 1, file.size)
        response.fields[b"Content-Range"] = content_range
    response.fields[b"Content-Length"] = b"%d" % (response.end - response.begin)
    if head.method == b"HEAD":
        response.end = response.begin


def _asked_part(
    response: _Response, head: Head, file: OpenFile, changed: bytes
) -> tuple[int, int] | None:
    """Return the part that is asked for, unless it is wanted only of an earlier file."""
    if head.method != b"GET" or _values(head, b"if-range")[-1:] not in ([], [changed]):
        return None
    try:
        return part(_values(head, b"range"), file.size)
    except Unsatisfiable:
        response.fields[b"Content-Range"] = b"bytes */%d" % file.size
        raise


def _values(head: Head, name: bytes) -> list[bytes]:
    """Return the values of a field; ``name`` is in small letters."""
    return [value for key, value in head.headers if key.lower() == name]


def _set_type(response: _Response, file: OpenFile, path: Sequence[bytes]) -> None:
    name, well_known = fsdecode(file.name), path[0] == WELL_KNOWN
    if well_known:  # is there for pages of all origins
        response.fields[b"Access-Control-Allow-Origin"] = b"*"
    kind, coding = guess_type(f"/{name}")
    if coding in _CODINGS:
        response.fields[b"Content-Encoding"] = coding.encode()
    elif coding is not None:
        kind = _UNKNOWN
    short = "." not in name and not well_known
    kind = kind or _NAMED.get(name, _PAGE if short else _UNKNOWN)
    response.fields[b"Content-Type"] = kind.encode()


def _set_text(response: _Response, status: HTTPStatus) -> None:
    """Respond with a line of text that says why there is no file."""
    text = _TEXTS[status]
    response.status = status
    response.fields.pop(b"Content-Encoding", None)
    response.fields[b"Content-Type"] = b"text/plain; charset=utf-8"
    response.fields[b"Content-Length"] = b"%d" % len(text)
    response.read, response.begin, response.end = _reader(text, 0), 0, len(text)


def _set_busy(response: _Response) -> None:
    response.fields[b"Retry-After"] = b"%d" % RETRY_AFTER
    _set_text(response, HTTPStatus.SERVICE_UNAVAILABLE)
