"""ECM's end of a link as a state machine, without I/O (docs/protocol.md).

Pure: packets and the time go in, events come out. Times are seconds, from any epoch.
"""

from typing import Final

from ecm.limits import HELLO_TIMEOUT
from ecm.link import message
from ecm.link.events import (
    Answered,
    Close,
    Dropped,
    Established,
    Event,
    Failed,
    Part,
    PeerDraining,
    RoundTrip,
    Send,
)
from ecm.link.handshake import PARTS, Handshake
from ecm.link.keep_alive import KeepAlive
from ecm.link.message import ContentError, Message, UnknownType
from ecm.link.packet import LINK_ID, PacketError
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import TRANSITIONS, Input, State

# The likely cause where the peer does not answer hello.
PERHAPS_PLAIN: Final = "; is that a mod_ecm? A plain one needs --link-mode plain"

# Bytes of an unknown type that an error repeats: its line must have an end, too.
_REPEATED: Final = 64


class LinkConnection:
    """One link, from its beginning. Each method returns the events that it causes, in order.

    The owner sets ``last_received`` whenever bytes come, of whatever packet: the peer is alive.
    """

    def __init__(self, settings: LinkSettings, instance: str, nonce: str) -> None:
        """``instance`` is ECM's name for ejabberd's log, of 255 bytes at most.

        ``nonce`` is 32 hexadecimal digits, for this link alone.
        """
        self._link_timeout = settings.link_timeout
        self._handshake = Handshake(settings, instance, nonce)
        self._keep_alive = KeepAlive(settings.ping_interval, settings.link_timeout)
        self.state = State.PLAIN if settings.mode is LinkMode.PLAIN else State.TYPED_ONLY
        self._started = self.last_received = 0.0
        self._in_parts = False  # whether ejabberd has announced that it sends parts

    @property
    def is_typed(self) -> bool:
        """True from the end of the handshake of a typed link until it is closed."""
        return self.state in (State.TYPED, State.DRAINING)

    # From the owner.

    def start(self, now: float) -> list[Event]:
        """The transport is connected."""
        self._started = self.last_received = now
        self._keep_alive.start(now)
        if self.state is State.PLAIN:
            return [Established(None)]
        return [Send(LINK_ID, self._handshake.hello())]

    def drain(self) -> list[Event]:
        """Announce that ECM stops soon."""
        return [Send(LINK_ID, message.encode("drain"))] if self.is_typed else []

    def cancel(self, connection_id: int, reason: str) -> list[Event]:
        """Announce that nobody waits for the answer to a request any more."""
        if not self.is_typed:
            return []
        return [Send(connection_id, message.encode("close", [reason]))]

    def reject(self, connection_id: int, reason: str) -> list[Event]:
        """Give up an answer whose parts are more than ECM can hold."""
        return _failed(connection_id, "too-long", reason)

    def tick(self, now: float, incomplete_for: float = 0.0) -> list[Event]:
        """Some time has passed, a second or less; a packet has been incomplete for so long."""
        self._keep_alive.tick()
        if self.state is State.TYPED_ONLY:
            if now - self._started < HELLO_TIMEOUT:
                return []
            text = f"no hello came for {HELLO_TIMEOUT} seconds"
            return self._close(Input.SILENT, text, text + PERHAPS_PLAIN)
        if incomplete_for >= self._link_timeout and self.state is not State.CLOSED:
            text = f"a packet was not complete after {self._link_timeout} seconds"
            return self._close(Input.SILENT, text, text)
        return self._keep_alive_due(now) if self.is_typed else []

    # From ejabberd.

    def receive(self, connection_id: int, content: bytes, now: float) -> list[Event]:
        """A packet has come."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.PLAIN:
            return [] if connection_id == LINK_ID else [Answered(connection_id, 200, content)]
        if not self.is_typed:
            return self._first(connection_id, content)
        try:
            received = message.decode(content)
        except UnknownType as unknown:
            name = str(unknown)[:_REPEATED]
            return [] if connection_id == LINK_ID else _failed(connection_id, "unknown-type", name)
        except ContentError as error:
            return self._malformed(connection_id, content, error.name)
        if connection_id == LINK_ID:
            return self._about_link(received, now)
        return _about_request(connection_id, received, self._in_parts)

    def malformed(self, error: PacketError) -> list[Event]:
        """Bytes have come that are not a packet: nothing more can be read."""
        if self.state is State.CLOSED:
            return []
        reason = f"ejabberd sent a malformed packet: {error}"
        return self._close(Input.MALFORMED, error.name, reason)

    # Within.

    def _close(self, input: Input, text: str, reason: str) -> list[Event]:
        """Close the link. The peer is told where it may understand it, and does not know it yet."""
        silent = self.state is State.PLAIN or input is Input.ERROR
        self.state = TRANSITIONS[self.state][input]
        close = Close(reason)
        return [close] if silent else [_error(LINK_ID, input.value, text), close]

    def _keep_alive_due(self, now: float) -> list[Event]:
        if self._keep_alive.is_dead(now, self.last_received):
            text = f"nothing came for {self._link_timeout} seconds"
            return self._close(Input.SILENT, text, text)
        token = self._keep_alive.ping(now)
        return [Send(LINK_ID, message.encode("ping", [token]))] if token else []

    def _first(self, connection_id: int, content: bytes) -> list[Event]:
        """Take the first packet of a link that must be typed."""
        if connection_id != LINK_ID or content.partition(b" ")[0] not in (b"hello", b"error"):
            reason = f"ejabberd does not answer hello{PERHAPS_PLAIN}"
            return self._close(Input.UNEXPECTED, "hello must come first", reason)
        try:
            first = message.decode(content)
        except ContentError as error:
            reason = f"ejabberd sent a malformed hello: {error.name}"
            return self._close(Input.MALFORMED, error.name, reason)
        if first.type == "error":
            return self._close(Input.ERROR, "", _said(first))
        return self._hello(first)

    def _hello(self, hello: Message) -> list[Event]:
        refusal = self._handshake.refusal(hello.fields)
        if refusal is not None:
            return self._close(refusal.input, refusal.text, refusal.reason)
        self.state = TRANSITIONS[self.state][Input.HELLO]
        self._in_parts = PARTS in hello.fields.get("features", "").split(",")
        proof = self._handshake.proof(hello.fields["nonce"])
        established = Established(hello)
        return [established] if proof is None else [Send(LINK_ID, proof), established]

    def _about_link(self, received: Message, now: float) -> list[Event]:
        match received.type:
            case "pong":
                seconds = self._keep_alive.pong(received.args[0], now)
                return [] if seconds is None else [RoundTrip(seconds)]
            case "ping" if self._keep_alive.is_flood():
                reason = "ejabberd sent too many pings"
                return self._close(Input.FLOOD, "too many pings", reason)
            case "ping":
                return [Send(LINK_ID, message.encode("pong", received.args), droppable=True)]
            case "drain":
                self.state = TRANSITIONS[self.state][Input.DRAIN]
                return [PeerDraining()]
            case "error":
                return self._close(Input.ERROR, "", _said(received))
        reason = _not_understood("unexpected", received.type)
        return self._close(Input.UNEXPECTED, received.type, reason)

    def _malformed(self, connection_id: int, content: bytes, fault: str) -> list[Event]:
        """A malformed content closes the link, or fails the one request that it is about."""
        reason = _not_understood("malformed", fault)
        if connection_id == LINK_ID:
            return self._close(Input.MALFORMED, fault, reason)
        if content.startswith(b"error"):  # which is never answered with another
            return [Failed(connection_id, reason)]
        return _failed(connection_id, "malformed", fault)


def _about_request(connection_id: int, received: Message, in_parts: bool) -> list[Event]:
    match received.type:
        case "answer":
            content_type = received.fields.get("content-type")
            status, body = int(received.args[0]), received.body or b""
            return [Answered(connection_id, status, body, content_type)]
        case "part" if in_parts:
            return [Part(connection_id, received.body or b"")]
        case "close":
            return [Dropped(connection_id)]
        case "error":
            return [Failed(connection_id, _said(received))]
    return _failed(connection_id, "unexpected", received.type)


def _failed(connection_id: int, code: str, text: str) -> list[Event]:
    """Fail one request, and tell the peer why."""
    failed = Failed(connection_id, _not_understood(code, text))
    return [_error(connection_id, code, text, droppable=True), failed]


def _error(connection_id: int, code: str, text: str, droppable: bool = False) -> Send:
    return Send(connection_id, message.encode("error", [code, text]), droppable)


def _said(error: Message) -> str:
    return f"ejabberd says: {' '.join(error.args)}"


def _not_understood(code: str, text: str) -> str:
    return f"ejabberd sent a message that ECM does not understand: {code}, {text}"
