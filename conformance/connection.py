"""HTTP as the scripts need it: who uses which connection, when it closes, what follows what.

Nothing is hidden: a request goes out at once, also while an earlier one of the connection has no
answer (which makes it pipelined), and nothing is ever sent twice.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from conformance.target import Target

_HEAD_LIMIT = 1 << 20  # bytes


class Closed(Exception):
    """The connection was closed before the answer came."""


@dataclass(frozen=True)
class Response:
    """The names of ``headers`` are in lower case; ``body`` is without any encoding."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A TCP connection, opened when the first request goes out, and again after it was closed."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._waiting: deque[asyncio.Future[Response]] = deque()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.closed = asyncio.Event()

    async def post(
        self, body: bytes, headers: Mapping[str, str], version: str = "1.1"
    ) -> asyncio.Future[Response]:
        """Send a request. What is returned fires with its answer, or fails with Closed."""
        writer = await self._open()
        answer: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        answer.add_done_callback(_seen)
        self._waiting.append(answer)
        writer.write(self._head(len(body), headers, version) + body)
        return answer

    async def close(self) -> None:
        """Close it, whatever is unanswered."""
        if self._writer is not None and self._reading is not None:
            self._writer.close()
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
            self._lose()

    async def _open(self) -> asyncio.StreamWriter:
        if self._writer is None:
            target = self._target
            reader, self._writer = await asyncio.open_connection(
                target.host, target.port, ssl=target.tls, limit=_HEAD_LIMIT
            )
            self.closed = asyncio.Event()
            self._reading = asyncio.create_task(self._read(reader))
        return self._writer

    def _head(self, length: int, headers: Mapping[str, str], version: str) -> bytes:
        written = {
            "Host": f"{self._target.host}:{self._target.port}",
            "Content-Type": "text/xml; charset=utf-8",
            "Content-Length": str(length),
        } | dict(headers)
        lines = [f"POST {self._target.path} HTTP/{version}"]
        lines += [f"{name}: {value}" for name, value in written.items() if value]
        return "\r\n".join([*lines, "", ""]).encode()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take answers until the server closes the connection, or says what is no HTTP."""
        with suppress(OSError, EOFError, ValueError, IndexError, zlib.error):
            while True:
                response = await _response(reader)
                self._waiting.popleft().set_result(response)
        if self._writer is not None:
            self._writer.close()
        self._lose()

    def _lose(self) -> None:
        self._writer = self._reading = None
        while self._waiting:
            self._waiting.popleft().set_exception(Closed())
        self.closed.set()


def _seen(answer: asyncio.Future[Response]) -> None:
    """Not every script asks for every answer; asyncio shall not complain of those that failed."""
    if not answer.cancelled():
        answer.exception()


async def _response(reader: asyncio.StreamReader) -> Response:
    """Raises EOFError at the end of the connection, ValueError at what is no HTTP."""
    status, headers = await _head(reader)
    while status < 200:
        status, headers = await _head(reader)
    body = await _body(reader, status, headers)
    return Response(status, headers, _decoded(body, headers.get("content-encoding", "")))


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        raise ValueError("an endless head") from error
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    headers = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in headers}


async def _body(reader: asyncio.StreamReader, status: int, headers: Mapping[str, str]) -> bytes:
    """RFC 9112, section 6.3."""
    if status in (204, 304):
        return b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return await _chunks(reader)
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    return await reader.read()


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body


def _decoded(body: bytes, encoding: str) -> bytes:
    """Undo gzip (31) or deflate (15, as RFC 9110 wants it)."""
    windows = {"gzip": 31, "x-gzip": 31, "deflate": 15}
    return zlib.decompress(body, windows[encoding]) if encoding in windows else body
