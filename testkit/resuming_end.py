"""ECM's end of a link that resumes, by hand: what it numbers, keeps and sends again can be seen.

It shares no code with ECM's own link, so that each end is tried against something else.
"""

from secrets import token_hex
from typing import Self

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.link.events import Answered
from ecm.link.packet import LINK_ID, PacketDecoder, encode
from ecm.net.transport import IStreamTransport
from testkit.link_peer import HOST

_HELLO = (
    "hello version=1 role=ecm instance=test:1 max-packet=1048576 max-content=16777216"
    " nonce={nonce} {offer}"
)


class ResumingEnd:
    """A link, and the connection that it has now. Each request has an ID of its own, from 1 on."""

    offer = "features=parts,resume"

    def __init__(self, port: int) -> None:
        self._port = port
        self._unacknowledged: list[tuple[int, bytes]] = []
        self._sent = 0
        self._last_id = 0
        self._awaited: dict[int, Deferred[Answered]] = {}
        self._parts: dict[int, bytes] = {}
        self.got = 0
        self.tokens: list[bytes] = []  # one for each connection
        self.connection: _Connection

    @classmethod
    async def connect(cls, test: TestCase, port: int) -> Self:
        """Connect to a listener. The link ends with the test."""
        link = cls(port)
        await link.resume()
        test.addCleanup(link.hang_up)
        return link

    async def resume(self) -> None:
        """Open a connection, and go on over it; try again while nobody listens, as ECM does."""
        named = b" link=%b got=%d" % (self.tokens[-1], self.got) if self.tokens else b""
        endpoint = HostnameEndpoint(reactor, HOST, self._port)
        connected = False
        while not connected:
            connection = _Connection(self, b"resume" + named)
            try:
                await connectProtocol(endpoint, connection)
                connected = True
            except ConnectionRefusedError:
                await deferLater(reactor, 0.05, lambda: None)
        self.connection = connection
        await self.connection.up

    async def hang_up(self) -> None:
        """Reset the connection."""
        self.connection.transport.abortConnection()
        await self.connection.down

    def ask(self, body: bytes) -> tuple[int, Deferred[Answered]]:
        """Send a request. Returns its connection ID, and what fires with its answer."""
        self._last_id += 1
        answer: Deferred[Answered] = Deferred()
        self._awaited[self._last_id] = answer
        self._send(self._last_id, b"request peer=192.0.2.7:51234 secure=1\n" + body)
        return self._last_id, answer

    def gone(self, connection_id: int) -> None:
        """Say that the client of a request has gone, before it has its answer."""
        del self._awaited[connection_id]
        self._send(connection_id, b"close gone")

    def _send(self, connection_id: int, content: bytes) -> None:
        """Send a packet now, or over the next connection."""
        self._sent += 1
        self._unacknowledged.append((self._sent, encode(connection_id, content)))
        self.connection.transport.write(self._unacknowledged[-1][1])

    def resumed(self, token: bytes, got: int) -> None:
        self.tokens.append(token)
        self.forget(got)
        for _, sent in self._unacknowledged:
            self.connection.transport.write(sent)

    def forget(self, number: int) -> None:
        """mod_ecm has everything up to this packet."""
        self._unacknowledged = [each for each in self._unacknowledged if each[0] > number]

    def received(self, connection_id: int, content: bytes) -> None:
        self.got += 1
        line, _, body = content.partition(b"\n")
        kind, _, status = line.partition(b" ")
        whole = self._parts.pop(connection_id, b"") + body
        if kind == b"part":
            self._parts[connection_id] = whole
        else:
            answer = Answered(connection_id, int(status[:3]), whole)
            self._awaited.pop(connection_id).callback(answer)


class _Connection(Protocol):
    transport: IStreamTransport

    def __init__(self, link: ResumingEnd, resume: bytes) -> None:
        self._link = link
        self._resume = resume
        self._decoder = PacketDecoder()
        self.up: Deferred[None] = Deferred()
        self.down: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        hello = _HELLO.format(nonce=token_hex(16), offer=self._link.offer)
        self.transport.write(encode(LINK_ID, hello.encode()))

    def dataReceived(self, data: bytes) -> None:
        for connection_id, content in self._decoder.feed(data):
            if connection_id == LINK_ID:
                self._said(*content.split(b" "))
            else:
                self._link.received(connection_id, content)

    def _said(self, kind: bytes, *words: bytes) -> None:
        match kind:
            case b"hello":
                self.transport.write(encode(LINK_ID, self._resume))
            case b"resume":
                token, got = (word.partition(b"=")[2] for word in words)
                self._link.resumed(token, int(got))
                self.up.callback(None)
            case b"ack":
                self._link.forget(int(words[0]))
            case b"ping":
                self.transport.write(encode(LINK_ID, b"pong " + words[0]))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.down.callback(None)
