"""Static files, as a resource of twisted.web.

Twisted's own sends more than it announces where a file grows or several ranges are asked for, waits
for FIFOs, and takes an encoded slash for one.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from email.utils import formatdate
from http import HTTPStatus
from mimetypes import guess_type
from os import fsdecode, fsencode
from pathlib import Path
from typing import Final
from urllib.parse import quote

from twisted.internet.interfaces import IPullProducer
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.server import Request as WebRequest
from zope.interface import implementer

from ecm.frontend.static.files import WELL_KNOWN, Folder, NotThere, OpenFile, find
from ecm.http.byte_range import Unsatisfiable, part
from ecm.limits import FILE_CHUNK, MAX_OPEN_PAGES, RETRY_AFTER

# Of files whose names say nothing of it: pages with short addresses; others; and a file that is
# looked for by name (RFC 6415, which XEP-0156 builds on).
_PAGE: Final = "text/html"
_UNKNOWN: Final = "application/octet-stream"
_NAMED: Final = {"host-meta": "application/xrd+xml"}

# The codings that browsers undo (RFC 9110, section 8.4.1).
_CODINGS: Final = ("gzip", "br")

_TEXTS: Final = {
    HTTPStatus.NOT_FOUND: b"There is nothing here.\n",
    HTTPStatus.FORBIDDEN: b"This file cannot be read.\n",
    HTTPStatus.METHOD_NOT_ALLOWED: b"Files take GET and HEAD.\n",
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: b"The file has no such part.\n",
    HTTPStatus.SERVICE_UNAVAILABLE: b"Too many files are being read. Please try again.\n",
    HTTPStatus.FOUND: b"This is a folder.\n",
}


class Files(Resource):
    """The files below a folder."""

    isLeaf = True

    def __init__(self, folder: str) -> None:
        super().__init__()
        self._top = fsencode(Path(folder).absolute())
        self._open = 0

    def render(self, request: WebRequest) -> int:
        """Answer, as fast as the client takes it. That of the one before has been taken then."""
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        sending = self._answer(request)
        request.registerProducer(sending, False)
        return NOT_DONE_YET

    def _answer(self, request: WebRequest) -> "Sending":
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader(b"Allow", b"GET, HEAD")
            return _text(request, HTTPStatus.METHOD_NOT_ALLOWED)
        path = request.postpath or [b""]
        try:
            return self._begin(request, find(self._top, path), path)
        except NotThere:
            return _text(request, HTTPStatus.NOT_FOUND)
        except Folder:
            # Relative, so that neither Host nor a path of two slashes leads to another server.
            request.setHeader(b"Location", b"./%b/" % quote(path[-1]).encode())
            return _text(request, HTTPStatus.FOUND)
        except Unsatisfiable:
            return _text(request, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
        except PermissionError:
            return _text(request, HTTPStatus.FORBIDDEN)
        except OSError:  # too many files are open
            return _busy(request)

    def _begin(self, request: WebRequest, file: OpenFile, path: Sequence[bytes]) -> "Sending":
        """Begin to answer with a file. One that fits into the memory it takes is closed at once."""
        with ExitStack() as opened:
            opened.callback(file.close)
            _set_type(request, file, path)
            if file.size > FILE_CHUNK and self._open >= MAX_OPEN_PAGES:
                return _busy(request)
            begin, end = _head(request, file)
            if end - begin <= FILE_CHUNK:
                return Sending(request, _bytes(file.read(begin, end - begin)), 0, end - begin)
            self._open += 1
            request.notifyFinish().addBoth(self._sent, opened.pop_all())
        return Sending(request, file.read, begin, end)

    def _sent(self, _: object, opened: ExitStack) -> None:
        """All of a file has been sent, or its client has gone."""
        opened.close()
        self._open -= 1


@implementer(IPullProducer)
class Sending:
    """Sends bytes, as fast as a client takes them, and never more than was announced.

    ``read`` is given where to begin and how many; it returns fewer where there are no more. The
    response is complete once the client has taken all of it, so that no other one is begun before.
    """

    def __init__(
        self, request: WebRequest, read: Callable[[int, int], bytes], begin: int, end: int
    ) -> None:
        self._request = request
        self._read = read
        self._next = begin
        self._end = end

    def resumeProducing(self) -> None:
        size = min(self._end - self._next, FILE_CHUNK)
        data = self._read(self._next, size)
        if not self._request.startedWriting or data:
            self._next += len(data)
            self._request.write(data)
        else:
            self._request.unregisterProducer()
            # A file may have become shorter than what was announced.
            (self._request.loseConnection if size else self._request.finish)()

    def stopProducing(self) -> None:
        """The client has gone."""
        self._next = self._end


def _head(request: WebRequest, file: OpenFile) -> tuple[int, int]:
    """Set the head of the answer; return where the part begins and ends that is to be sent.

    Raises Unsatisfiable.
    """
    changed = formatdate(file.changed, usegmt=True).encode()
    request.setHeader(b"Accept-Ranges", b"bytes")
    request.setHeader(b"Last-Modified", changed)
    # The time is compared as what it was given as (RFC 9110, section 13.1.3, allows it).
    if request.getHeader(b"if-modified-since") == changed:
        request.setResponseCode(HTTPStatus.NOT_MODIFIED)
        return 0, 0
    asked = _part(request, file, changed)
    begin, end = asked or (0, file.size)
    if asked:
        request.setResponseCode(HTTPStatus.PARTIAL_CONTENT)
        request.setHeader(b"Content-Range", b"bytes %d-%d/%d" % (begin, end - 1, file.size))
    request.setHeader(b"Content-Length", b"%d" % (end - begin))
    return (begin, end) if request.method == b"GET" else (0, 0)


def _part(request: WebRequest, file: OpenFile, changed: bytes) -> tuple[int, int] | None:
    """Return the part that is asked for, unless it is wanted only of an earlier file."""
    if request.method != b"GET" or request.getHeader(b"if-range") not in (None, changed):
        return None
    try:
        return part(request.requestHeaders.getRawHeaders(b"range", []), file.size)
    except Unsatisfiable:
        request.setHeader(b"Content-Range", b"bytes */%d" % file.size)
        raise


def _set_type(request: WebRequest, file: OpenFile, path: Sequence[bytes]) -> None:
    name, well_known = fsdecode(file.name), path[0] == WELL_KNOWN
    if well_known:  # is there for pages of all origins
        request.setHeader(b"Access-Control-Allow-Origin", b"*")
    kind, coding = guess_type(f"/{name}")
    if coding in _CODINGS:
        request.setHeader(b"Content-Encoding", coding.encode())
    elif coding is not None:
        kind = _UNKNOWN
    short = "." not in name and not well_known
    kind = kind or _NAMED.get(name, _PAGE if short else _UNKNOWN)
    request.setHeader(b"Content-Type", kind.encode())


def _text(request: WebRequest, status: HTTPStatus) -> "Sending":
    """Answer with a line of text that says why there is no file."""
    text = _TEXTS[status]
    request.setResponseCode(status)
    request.responseHeaders.removeHeader(b"Content-Encoding")
    request.setHeader(b"Content-Type", b"text/plain; charset=utf-8")
    request.setHeader(b"Content-Length", b"%d" % len(text))
    return Sending(request, _bytes(text), 0, len(text) if request.method != b"HEAD" else 0)


def _busy(request: WebRequest) -> "Sending":
    request.setHeader(b"Retry-After", b"%d" % RETRY_AFTER)
    return _text(request, HTTPStatus.SERVICE_UNAVAILABLE)


def _bytes(data: bytes) -> Callable[[int, int], bytes]:
    return lambda begin, size: data[begin : begin + size]
