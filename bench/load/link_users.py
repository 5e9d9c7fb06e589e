"""Users who come to mod_ecm over one typed link, as those of an ECM do (docs/protocol.md)."""

import asyncio
import secrets
import time
from collections.abc import Callable

from bench.load.bosh_user import BoshUser
from bench.load.fail import fail
from ecm.link.connection import LinkConnection
from ecm.link.events import Established, Event, RoundTrip, Send, Statistics
from ecm.link.message import ANSWER_200
from ecm.link.packet import PacketDecoder, encode
from ecm.link.settings import LinkMode, LinkSettings

LINES = 2  # of a user


class Link(asyncio.Protocol):
    """ECM's end of a link. What is sent in one turn of the loop goes out together."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        settings = LinkSettings(LinkMode.TYPED, link_grace=0)
        self._connection = LinkConnection(settings, "bench", secrets.token_hex(16))
        self._decoder = PacketDecoder()
        self._waiting: dict[int, Callable[[bytes], None]] = {}
        self._packets: list[bytes] = []
        self.up: asyncio.Future[None] = self._loop.create_future()

    def request(self, connection: int, content: bytes, answered: Callable[[bytes], None]) -> None:
        """Send the content of a request. The body of its answer is given to ``answered``."""
        self._waiting[connection] = answered
        self._send(connection, content)

    def _send(self, connection: int, content: bytes) -> None:
        if not self._packets:
            self._loop.call_soon(self._flush)
        self._packets.append(encode(connection, content))

    def _flush(self) -> None:
        self._transport.write(b"".join(self._packets))
        self._packets.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._act(self._connection.start(time.monotonic()))
        self._tick()

    def _tick(self) -> None:
        self._act(self._connection.tick(time.monotonic()))
        self._loop.call_later(1, self._tick)

    def connection_lost(self, error: Exception | None) -> None:
        fail(f"mod_ecm has closed the link: {error}")

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        self._connection.last_received = now
        for connection, content in self._decoder.feed(data):
            if connection and content.startswith(ANSWER_200):
                self._waiting.pop(connection)(content[len(ANSWER_200) :])
            else:
                self._act(self._connection.receive(connection, content, now))

    def _act(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send():
                    self._send(event.id, event.content)
                case Established():
                    self.up.set_result(None)
                case RoundTrip() | Statistics():
                    pass
                case _:
                    fail(f"mod_ecm has not answered as it should: {event}")


class LinkUser(BoshUser):
    """Each line of a user is a connection of its own, with its own ID."""

    __slots__ = ("_link", "_head")

    def __init__(self, number: int, link: Link) -> None:
        super().__init__(number)
        self._link = link
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._head = f"request peer={address}:51234 secure=0\n".encode()

    def post(self, line: int, body: bytes) -> None:
        connection = (self.number + 1) * LINES + line
        self._link.request(
            connection, self._head + body, lambda answer: self.answered(line, answer)
        )


async def connect(port: int) -> Link:
    """Open a link, and return it when it is up."""
    loop = asyncio.get_running_loop()
    _, link = await loop.create_connection(Link, "127.0.0.1", port)
    await link.up
    return link
