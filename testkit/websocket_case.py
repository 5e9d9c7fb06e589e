"""WebSockets to an ECM in memory, whose ejabberd the test plays."""

from typing import Any

import attrs
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.frontend.settings import FrontendSettings
from ecm.frontend.websocket import WebSocketConnection
from ecm.websocket.decoder import Event
from ecm.websocket.frames import CLOSE, TEXT
from testkit.in_memory import TYPED, Client, Joined
from testkit.logs import lines
from testkit.samples.websocket_handshakes import handshake
from testkit.websocket_frames import masked

WINDOW = 1000

# Nobody plays the part of ejabberd's pongs.
LINK = attrs.evolve(
    TYPED, link_grace=0, stream_window=WINDOW, ping_interval=86_000, link_timeout=86_400
)
HELLO = (
    b"hello version=1 role=ejabberd instance=ejabberd@a max-packet=%d window=%d"
    b" nonce=00000000000000000000000000000000 features=%b"
)
MAX_PACKET = 2**20
OPEN = b"open websocket peer=192.0.2.1:51234 secure=0"


def joined(
    settings: FrontendSettings | None = None,
    window: int = WINDOW,
    max_packet: int = MAX_PACKET,
    features: bytes = b"streams",
    **limits: Any,
) -> Joined:
    """Return an ECM whose link carries streams; windows, and packets to ejabberd, are of a size.

    ``features`` are those of ejabberd.
    """
    link = attrs.evolve(LINK, stream_window=window)
    ecm = Joined(settings=settings, link=link, **limits)
    ecm.answer(0, HELLO % (max_packet, window, features))
    ecm.received()
    return ecm


def frames(data: bytes) -> list[Event]:
    """Return the frames that a server has written."""
    found, at = [], 0
    while at < len(data):
        size = {126: 2, 127: 8}.get(data[at + 1], 0)
        length = int.from_bytes(data[at + 2 : at + 2 + size]) if size else data[at + 1]
        start, end = at + 2 + size, at + 2 + size + length
        assert end <= len(data), data
        found.append(Event(data[at] & 0x0F, data[start:end]))
        at = end
    return found


def close(code: int, reason: str = "") -> Event:
    """Return the Close frame with a status code."""
    return Event(CLOSE, code.to_bytes(2) + reason.encode())


class User:
    """A user whose WebSocket has just been accepted."""

    def __init__(self, ecm: Joined, request: bytes = b"") -> None:
        self.ecm = ecm
        self.client: Client = ecm.client()
        self.answer = self.client.send(request or handshake())
        assert self.answer.startswith(b"HTTP/1.1 101 "), self.answer
        ((self.id, self.opened),) = ecm.received()

    @property
    def protocol(self) -> WebSocketConnection:
        protocol = self.client.transport.protocol
        assert isinstance(protocol, WebSocketConnection)
        return protocol

    def send(self, data: bytes) -> list[bytes]:
        """Send bytes, and return what ejabberd is told."""
        self.client.transport.protocol.dataReceived(data)
        self.ecm.reactor.advance(0)
        return self.told

    def say(self, text: bytes) -> list[bytes]:
        return self.send(masked(TEXT, text))

    @property
    def told(self) -> list[bytes]:
        """The contents that ejabberd has been told of this user since it was last asked."""
        return [content for number, content in self.ecm.received() if number == self.id]

    def hear(self, content: bytes) -> list[Event]:
        """Let ejabberd say something on the stream, and return what the user gets."""
        self.ecm.answer(self.id, content)
        return self.got

    @property
    def got(self) -> list[Event]:
        """The frames that have come since the last look."""
        return frames(self.client.transport.written())


class WebSocketCase(TestCase):
    """A test with an ECM, and with the log."""

    def setUp(self) -> None:
        self.events = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.ecm = joined()

    def logged(self, module: str) -> list[str]:
        return lines(self.events, module)
