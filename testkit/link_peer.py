"""Both ends of a typed link, each by hand: a test sees what comes over the link as it is."""

from secrets import token_hex
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.link import insight, message, requests
from ecm.link.connection import LinkConnection
from ecm.link.events import (
    Answered,
    Close,
    Dropped,
    Established,
    Event,
    Failed,
    Inspected,
    Part,
    PeerDraining,
    Send,
    Statistics,
)
from ecm.link.message import ANSWER_200
from ecm.link.packet import LINK_ID, PacketDecoder, encode
from ecm.link.settings import LinkMode, LinkSettings
from ecm.net.transport import IStreamTransport
from testkit.typed_vectors import named, packet

HOST = "127.0.0.1"
_LINE = message.request_line("192.0.2.7", 51234, secure=True)


class NotAnswered(Exception):
    """A request has got no answer, and its client must be dropped."""


class EcmEnd(Protocol):
    """ECM's end. Each request has a connection ID of its own, from 1 on."""

    transport: IStreamTransport

    def __init__(self) -> None:
        wanted = LinkSettings(LinkMode.TYPED, link_grace=0)
        self._connection = LinkConnection(wanted, "test", token_hex(16))
        self._decoder = PacketDecoder()
        self._last_id = 0
        self._awaited: dict[int, Deferred[Answered]] = {}
        self._parts: dict[int, bytes] = {}
        self.late: list[bytes] = []  # the answers to clients that had gone
        self.is_draining = False
        self._questions: dict[str, Deferred[Inspected]] = {}
        self._numbers: list[Deferred[dict[str, int]]] = []
        self.up: Deferred[None] = Deferred()
        self.down: Deferred[None] = Deferred()

    @classmethod
    async def connect(cls, test: TestCase, port: int) -> "EcmEnd":
        """Connect to a listener. The link ends with the test."""
        link = cls()
        await connectProtocol(HostnameEndpoint(reactor, HOST, port), link)
        test.addCleanup(link.hang_up)
        await link.up
        return link

    async def hang_up(self) -> None:
        self.transport.abortConnection()
        await self.down

    def ask(self, body: bytes) -> tuple[int, Deferred[Answered]]:
        """Send a request. Returns its connection ID, and what fires with its answer."""
        self._last_id += 1
        answer: Deferred[Answered] = Deferred()
        self._awaited[self._last_id] = answer
        self.transport.write(encode(self._last_id, _LINE + body))
        return self._last_id, answer

    def inspect(self, **asked: Any) -> Deferred[Inspected]:
        """Ask about sessions: by ``jid``, ``sid`` or ``id``."""
        token = str(len(self._questions))
        self._questions[token] = Deferred()
        self.transport.write(encode(LINK_ID, insight.question(token, **asked)))
        return self._questions[token]

    def numbers(self) -> Deferred[dict[str, int]]:
        """Ask for the numbers of the node."""
        self._numbers.append(Deferred())
        self.transport.write(encode(LINK_ID, message.encode("ping", ["n"], {"stats": "1"})))
        return self._numbers[-1]

    def gone(self, connection_id: int) -> None:
        """Say that the client of a request has gone, before it has its answer."""
        del self._awaited[connection_id]
        self._do([requests.cancel(connection_id, "gone")])

    def connectionMade(self) -> None:
        self._do(self._connection.start(0.0))

    def dataReceived(self, data: bytes) -> None:
        for connection_id, content in self._decoder.feed(data):
            self._do(self._connection.receive(connection_id, content, 0.0))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.down.callback(None)

    def _do(self, events: list[Event]) -> None:
        for event in events:
            match event:
                case Send(connection_id, content):
                    self.transport.write(encode(connection_id, content))
                case Established():
                    self.up.callback(None)
                case Part(connection_id, body):
                    self._parts[connection_id] = self._parts.get(connection_id, b"") + body
                case Answered(connection_id, _, body) if connection_id in self._awaited:
                    whole = attrs.evolve(event, body=self._parts.pop(connection_id, b"") + body)
                    self._awaited.pop(connection_id).callback(whole)
                case Answered(_, _, body):
                    self.late.append(body)
                case PeerDraining():
                    self.is_draining = True
                case Statistics(numbers):
                    self._numbers.pop(0).callback(numbers)
                case Inspected(token):
                    self._questions[token].callback(event)
                case Dropped(connection_id) | Failed(connection_id):
                    self._awaited.pop(connection_id).errback(NotAnswered(str(event)))
                case Close(why):
                    raise AssertionError(why)


class EjabberdEnd(Protocol):
    """mod_ecm's end: says hello and answers pings. Requests are for a subclass to answer."""

    transport: IStreamTransport

    def __init__(self) -> None:
        self._decoder = PacketDecoder()

    def dataReceived(self, data: bytes) -> None:
        for connection_id, content in self._decoder.feed(data):
            kind, _, rest = content.partition(b" ")
            if connection_id == LINK_ID:
                self.transport.write(_REPLIES[kind](rest) if kind in _REPLIES else b"")
                self.said(content)
            elif kind == b"request":
                self.requested(connection_id, rest.partition(b"\n")[2])
            elif content == b"close half-closed":
                self.released(connection_id)

    def said(self, content: bytes) -> None:
        """ECM has said something of the link itself, and has its reply."""

    def requested(self, connection_id: int, body: bytes) -> None:
        """A client of ECM has sent a request."""

    def released(self, connection_id: int) -> None:
        """ECM wants the answer to a request now."""


def answer(connection_id: int, body: bytes) -> bytes:
    """Return the packet with an answer."""
    return encode(connection_id, ANSWER_200 + body)


_HELLO = packet(named("hello of mod_ecm"))
_REPLIES = {
    b"hello": lambda rest: _HELLO,
    b"ping": lambda rest: encode(LINK_ID, b"pong " + rest),
}
