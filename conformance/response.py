"""An answer of HTTP/1.1, read from a server that may be anything."""

import asyncio
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from conformance.limits import MAX_BODY, MAX_HEAD, MAX_INTERIM

_STATUS = re.compile(r"HTTP/1\.[01] ([1-5][0-9]{2})(?: .*)?")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?\r\n", re.DOTALL)
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class NoAnswer(Exception):
    """The server sent something that is not an answer. The text says what is wrong with it."""


@dataclass(frozen=True)
class Response:
    """The names of ``headers`` are in lower case; ``body`` is without any encoding."""

    status: int
    headers: dict[str, str]
    body: bytes


async def response(reader: asyncio.StreamReader) -> Response:
    """Read one. Raises NoAnswer, and EOFError at the end of the connection."""
    for _ in range(MAX_INTERIM + 1):
        status, headers = await _head(reader)
        if status >= 200:
            body = await _body(reader, status, headers)
            return Response(status, headers, unpacked(body, headers.get("content-encoding", "")))
    raise NoAnswer(f"more than {MAX_INTERIM} answers came that say to wait")


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = await _until(reader, b"\r\n\r\n")
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise NoAnswer(f"it does not begin as HTTP does: {first[:100]!r}")
    headers = (line.partition(":") for line in lines)
    return int(status[1]), {name.lower(): value.strip() for name, _, value in headers}


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    """RFC 9112, section 6.3."""
    if status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(_length(headers["content-length"]))
    return await _rest(reader)


def _length(value: str) -> int:
    if not _LENGTH.fullmatch(value):
        raise NoAnswer(f"its Content-Length is {value[:100]!r}")
    return _bounded(int(value))


def _bounded(length: int) -> int:
    if length > MAX_BODY:
        raise NoAnswer(f"its body is longer than {MAX_BODY} bytes")
    return length


async def _rest(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while piece := await reader.read(MAX_HEAD):
        body += piece
        _bounded(len(body))
    return bytes(body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = bytearray()
    while size := await _chunk_size(reader):
        _bounded(len(body) + size)
        body += await reader.readexactly(size)
        if await reader.readexactly(2) != b"\r\n":
            raise NoAnswer("a chunk does not end where it should")
    await _trailer(reader)
    return bytes(body)


async def _chunk_size(reader: asyncio.StreamReader) -> int:
    line = await _until(reader, b"\r\n")
    size = _CHUNK.fullmatch(line)
    if size is None:
        raise NoAnswer(f"a chunk has the size {line[:100]!r}")
    return int(size[1], 16)


async def _trailer(reader: asyncio.StreamReader) -> None:
    length = 0
    while (line := await _until(reader, b"\r\n")) != b"\r\n":
        length += len(line)
        if length > MAX_HEAD:
            raise NoAnswer(f"its trailer is longer than {MAX_HEAD} bytes")


async def _until(reader: asyncio.StreamReader, end: bytes) -> bytes:
    """Read up to an end. The reader has a limit."""
    try:
        return await reader.readuntil(end)
    except asyncio.LimitOverrunError:
        raise NoAnswer(f"its head, or a line of it, is longer than {MAX_HEAD} bytes") from None


def unpacked(body: bytes, encoding: str) -> bytes:
    """Undo gzip (31) or deflate (15, as RFC 9110 wants it). Raises NoAnswer."""
    if encoding not in _WINDOWS:
        return body
    packer = zlib.decompressobj(_WINDOWS[encoding])
    try:
        content = packer.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise NoAnswer(f"its body is not {encoding}: {error}") from None
    _bounded(len(content))
    if not packer.eof:
        raise NoAnswer(f"its body is not {encoding}: it ends too soon")
    return content
