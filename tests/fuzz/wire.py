"""Any bytes from ejabberd, or from a proxy before a connection."""

from itertools import pairwise

import attrs

from ecm import limits
from ecm.http import proxy_protocol
from ecm.http.proxy_protocol import ProxyHeader, ProxyHeaderError
from ecm.link import message
from ecm.link.connection import LinkConnection
from ecm.link.events import Close, Established, Event, Send
from ecm.link.message import ContentError, Message, UnknownType
from ecm.link.packet import LINK_ID, PacketDecoder, PacketError
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import TRANSITIONS, State
from testkit.typed_vectors import HELLO, NONCE, PROVEN, SECRET
from tests.fuzz.target import Target, pieces, places

MAX_PACKET = 4096

# How a link may be set up; the first byte of an input chooses.
_SETTINGS = (
    LinkSettings(LinkMode.TYPED, ping_interval=10, link_timeout=30),
    LinkSettings(LinkMode.TYPED, SECRET, ping_interval=10, link_timeout=30),
    LinkSettings(LinkMode.PLAIN, ping_interval=10, link_timeout=30),
)

# What a step of a conversation begins with. Anything else is the content of a packet, as it is.
_KNOWN = {b"H": HELLO, b"P": PROVEN}


def packet(data: bytes) -> None:
    """Packets or the one error, the same in pieces; and no more is held than allowed."""
    assert _packets(pieces(data)) == _packets([data])


def _packets(parts: list[bytes]) -> tuple[list[tuple[int, bytes]], str]:
    decoder, packets = PacketDecoder(MAX_PACKET), []
    try:
        for part in parts:
            for found in decoder.feed(part):
                packets.append(found)
            assert decoder.buffered < MAX_PACKET
    except PacketError as error:
        return packets, error.name
    return packets, ""


def proxy(data: bytes) -> None:
    """One header, none yet, or the one error; and what has been decided stays so."""
    decided: ProxyHeader | str | None = None
    for end in sorted({*range(min(len(data), 256)), *places(data), len(data)}):
        now = _header(data[:end])
        assert decided is None or now == decided, (end, decided, now)
        decided = now
    assert decided is not None or len(data) < limits.MAX_PROXY_HEADER


def _header(data: bytes) -> ProxyHeader | str | None:
    try:
        return proxy_protocol.parse(data)
    except ProxyHeaderError:
        return "no header"


def content(data: bytes) -> None:
    """A content is understood, or is one of the two errors; and is written as it was understood."""
    line = _line(data)
    if line is not None:
        assert _line(message.encode(line.type, line.args, line.fields, line.body or b"")) == line


def _line(data: bytes) -> Message | None:
    try:
        return message.decode(data)
    except (ContentError, UnknownType):
        return None


def link(data: bytes) -> None:
    """Whatever ejabberd says, and whenever: the link does what the table of its states allows.

    A step is a line: ``H`` and ``P`` are two kinds of hello, ``+`` lets time pass, ``!`` is not a
    packet, ``>`` is ECM's own wish to stop; anything else is a packet, for the link where it begins
    with ``0``.
    """
    settings = _SETTINGS[data[0] % len(_SETTINGS)] if data else _SETTINGS[0]
    course = _Course(settings)
    for step in data[1:].split(b"\n\n"):
        course.take(step)
    course.check()


@attrs.define
class _Course:
    """A connection, the states that it has been in, and all that has come of it."""

    settings: LinkSettings
    connection: LinkConnection = attrs.field(init=False)
    states: list[State] = attrs.field(init=False)
    events: list[Event] = attrs.field(init=False)
    now: float = 0.0

    def __attrs_post_init__(self) -> None:
        self.connection = LinkConnection(self.settings, "web1:4711", NONCE)
        self.states = [self.connection.state]
        self.events = self.connection.start(self.now)

    def take(self, step: bytes) -> None:
        closed = self.connection.state is State.CLOSED
        said = self._events(step)
        assert not (closed and said), said
        self.events += said
        self.states.append(self.connection.state)

    def _events(self, step: bytes) -> list[Event]:
        kind, rest = step[:1], step[1:]
        if kind == b"+":
            self.now += 1 + len(rest)
            return self.connection.tick(self.now, incomplete_for=len(rest))
        if kind == b"!":
            return self.connection.malformed(PacketError("length-not-decimal", rest[:64]))
        if kind == b">":
            return self.connection.drain()
        self.connection.last_received = self.now
        if kind == b"0":
            return self.connection.receive(LINK_ID, rest, self.now)
        if step in _KNOWN:
            return self.connection.receive(LINK_ID, _KNOWN[step], self.now)
        return self.connection.receive(7, step, self.now)

    def check(self) -> None:
        for before, after in pairwise(self.states):
            assert before is after or after in TRANSITIONS[before].values(), (before, after)
        ups = [place for place, event in enumerate(self.events) if isinstance(event, Established)]
        closed = [event for event in self.events if isinstance(event, Close)]
        assert len(ups) <= 1 and len(closed) <= 1
        assert not closed or self.events[-1] is closed[0]
        for place, event in enumerate(self.events):
            if isinstance(event, Send):
                assert _line(event.content) is not None, event
            elif not isinstance(event, Established | Close):
                assert ups and ups[0] < place, event
                assert getattr(event, "id", 7) != LINK_ID, event


TARGETS = {
    "packet": Target(packet, 2 * MAX_PACKET),
    "proxy": Target(proxy, limits.MAX_PROXY_HEADER + 64),
    "message": Target(content, 2 * limits.MAX_LINE),
    "link": Target(link),
}
