"""Users who have a connection to ejabberd for themselves: over TCP (RFC 6120) or WebSocket
(RFC 7395, RFC 6455)."""

import asyncio
import base64
import secrets
from abc import ABC, abstractmethod

from bench.load import xmpp
from bench.load.fail import fail
from bench.load.long_poll import connect
from ecm.tools.bosh.stanzas import PRESENCE

HEADER = (
    b"<?xml version='1.0'?><stream:stream to='%b' version='1.0' xml:lang='en' xmlns='jabber:client'"
    b" xmlns:stream='http://etherx.jabber.org/streams'>" % xmpp.HOST.encode()
)
FEATURES = b"</stream:features>"
OPEN = (
    b"<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='%b' version='1.0'/>"
    % xmpp.HOST.encode()
)

UPGRADE = (
    b"GET /ws HTTP/1.1\r\n"
    b"Host: chat.example.com\r\n"
    b"Connection: Upgrade\r\n"
    b"Upgrade: websocket\r\n"
    b"Origin: https://www.example.com\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/130.0.0.0 Safari/537.36\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: xmpp\r\n"
    b"Sec-WebSocket-Key: %b\r\n\r\n"
)
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10  # opcodes
FINAL, MASKED = 0x80, 0x80  # bits of the first and the second byte of a frame


class StreamUser(asyncio.Protocol, ABC):
    """One of them. Once it is logged in it says nothing by itself."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._text = b""  # what has come and has not been waited for yet
        self._came: asyncio.Event | None = asyncio.Event()  # none at rest
        self._lost = False

    async def connect(self, port: int, address: str) -> None:
        client = connect(port, address)
        client.setblocking(False)
        await asyncio.get_running_loop().create_connection(lambda: self, sock=client)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._came is None:
            fail(f"ejabberd has closed the connection of user {self.number}: {error}")
        self._lost = True
        self._came.set()

    def came(self, text: bytes) -> None:
        if self._came is not None:
            self._text += text
            self._came.set()

    async def until(self, expected: bytes) -> None:
        """Raises ConnectionError where ejabberd closes the connection instead."""
        assert self._came is not None
        while expected not in self._text:
            if self._lost:
                raise ConnectionResetError(f"{expected!r} has not come, but {self._text!r}")
            self._came.clear()
            await self._came.wait()
        self._text = b""

    @abstractmethod
    def say(self, text: bytes) -> None: ...

    @abstractmethod
    async def open(self) -> None:
        """Open a stream, for the first time or again; return when its features have come."""

    async def log_in(self) -> None:
        """Log in, bind a resource, send presence, wait until it comes back, and rest.

        Raises ConnectionError.
        """
        await self.open()
        await self._ask(xmpp.auth(self.number), b"<success")
        await self.open()
        await self._ask(xmpp.BIND, b"</jid>")
        await self._ask(PRESENCE, b"<presence")
        self._came = None

    async def _ask(self, element: bytes, expected: bytes) -> None:
        self.say(element)
        await self.until(expected)


class TcpUser(StreamUser):
    async def open(self) -> None:
        self.say(HEADER)
        await self.until(FEATURES)

    def say(self, text: bytes) -> None:
        self.transport.write(text)

    def data_received(self, data: bytes) -> None:
        self.came(data)


class WebSocketUser(StreamUser):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._upgraded = False
        self._frames = b""

    async def open(self) -> None:
        if not self._upgraded:
            self.transport.write(UPGRADE % base64.b64encode(secrets.token_bytes(16)))
            await self.until(b"\r\n\r\n")
            self._upgraded = True
        self.say(OPEN)
        await self.until(FEATURES)

    def say(self, text: bytes) -> None:
        self._send(TEXT, text)

    def _send(self, opcode: int, payload: bytes) -> None:
        """Send a frame. Its mask is four zeros, which changes nothing: nobody is in between."""
        size = len(payload)
        length = [MASKED | size] if size < 126 else [MASKED | 126, size >> 8, size & 255]
        self.transport.write(bytes([FINAL | opcode, *length, 0, 0, 0, 0]) + payload)

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self.came(data)
            return
        self._frames += data
        while (payload := payload_of(self._frames)) and payload.stop <= len(self._frames):
            self._frame(self._frames[0] & 15, self._frames[payload])
            self._frames = self._frames[payload.stop :]

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(PONG, payload)
        elif opcode == TEXT:
            self.came(payload)
        elif opcode == CLOSE:
            self.connection_lost(None)


def payload_of(frames: bytes) -> slice | None:
    """Return where the payload of the first frame is; None if not even that has come."""
    if len(frames) < 2 or frames[1] == 126 and len(frames) < 4:
        return None
    size = frames[1]
    if size < 126:
        return slice(2, 2 + size)
    assert size == 126, "ejabberd has sent a frame of 64 kB or more"
    return slice(4, 4 + int.from_bytes(frames[2:4]))
