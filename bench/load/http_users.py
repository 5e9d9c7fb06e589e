"""Users who come to ejabberd with BOSH over HTTP, each with one or two connections of their own."""

import asyncio

from bench.load.bosh_user import BoshUser
from bench.load.fail import fail
from bench.load.long_poll import connect
from bench.load.request import post
from ecm.tools.bosh.http import BadAnswer, cut


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
        try:
            answer = cut(self._received)
        except BadAnswer as bad:
            fail(f"ejabberd has not answered as it should: {bad}, {self._received!r}")
        if answer is None:
            return
        if answer.status != 200:
            fail(f"ejabberd has answered {answer.status}: {answer.body!r}")
        self._received = answer.rest
        self._user.answered(self._line, answer.body)


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
