"""HTTP as the scripts need it: who uses which connection, when it closes, what follows what.

Nothing is hidden: a request goes out at once, also while an earlier one of the connection has no
answer (which makes it pipelined), and nothing is ever sent twice.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress

from conformance.limits import MAX_ANSWERS, MAX_HEAD
from conformance.response import NoAnswer, Response, response
from conformance.target import Target


class Closed(Exception):
    """The connection was closed before the answer came. The text says why, if it is known."""


class Budget:
    """The bytes that the answers on several connections may have together."""

    def __init__(self) -> None:
        self._left = MAX_ANSWERS

    def spend(self, number: int) -> None:
        """Raises NoAnswer where there are too many."""
        self._left -= number
        if self._left < 0:
            raise NoAnswer(f"all answers together are longer than {MAX_ANSWERS} bytes")


class Connection:
    """A TCP connection, opened when the first request goes out, and again after it was closed."""

    def __init__(self, target: Target, budget: Budget) -> None:
        self._target = target
        self._budget = budget
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
                target.host, target.port, ssl=target.tls, limit=MAX_HEAD
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
        """Take answers until the server closes the connection, or sends what is not HTTP."""
        why = ""
        try:
            while True:
                answer = await response(reader)
                self._budget.spend(len(answer.body))
                if not self._waiting:
                    break  # nobody has asked
                self._waiting.popleft().set_result(answer)
        except NoAnswer as no:
            why = f"the server sent something that is not an answer: {no}"
        except (OSError, EOFError):
            pass
        if self._writer is not None:
            self._writer.close()
        self._lose(why)

    def _lose(self, why: str = "") -> None:
        self._writer = self._reading = None
        while self._waiting:
            self._waiting.popleft().set_exception(Closed(why))
        self.closed.set()


def _seen(answer: asyncio.Future[Response]) -> None:
    """Not every script asks for every answer; asyncio shall not complain of those that failed."""
    if not answer.cancelled():
        answer.exception()
