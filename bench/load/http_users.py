"""Users who come to ejabberd with BOSH over HTTP, each with one or two connections of their own."""

import asyncio
import re

from bench.load.bosh_user import BoshUser
from bench.load.fail import fail
from bench.load.long_poll import connect
from bench.load.request import post

LENGTH = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.I)


class HttpConnection(asyncio.Protocol):
    """One line of a user: one request at a time."""

    def __init__(self, user: BoshUser, line: int) -> None:
        self._user = user
        self._line = line
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        fail(f"ejabberd has closed a connection: {error}, {self._received!r}")

    def send(self, body: bytes) -> None:
        self._transport.write(post(body))

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if end and len(body) >= self._length(head):
            self._received = b""
            self._user.answered(self._line, body)

    def _length(self, head: bytes) -> int:
        length = LENGTH.search(head)
        if length is None or not head.startswith(b"HTTP/1.1 200 "):
            fail(f"ejabberd has not answered 200 and a length, but {head!r}")
        return int(length[1])


class HttpUser(BoshUser):
    """Its second connection is opened when it is needed for the first time."""

    __slots__ = ("_port", "_address", "_connections")

    def __init__(self, number: int, port: int, address: str) -> None:
        super().__init__(number)
        self._port = port
        self._address = address
        self._connections: list[HttpConnection | None] = [None, None]

    def post(self, line: int, body: bytes) -> None:
        connection = self._connections[line]
        if connection is None:
            asyncio.ensure_future(self._connect(line, body))
        else:
            connection.send(body)

    async def _connect(self, line: int, body: bytes) -> None:
        client = connect(self._port, self._address)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(
            lambda: HttpConnection(self, line), sock=client
        )
        self._connections[line] = connection
        connection.send(body)
