"""ECM's end of the link: what it says about the link, and what it understands (docs/protocol.md).

Pure: packets and the time go in, events come out. Times are seconds, from anywhere.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

import attrs

from ecm.limits import HELLO_TIMEOUT, MAX_PINGS
from ecm.link import message as typed
from ecm.link.authentication import proof, proves
from ecm.link.message import ContentError, Line, UnknownType
from ecm.link.packet import LINK_ID, PacketError
from ecm.link.settings import LinkMode, LinkSettings

VERSION: Final = 1

# The feature that ECM has: it takes answers in parts.
PARTS: Final = "parts"

# What may be wrong where nobody says hello.
PERHAPS_PLAIN: Final = "; is that a mod_ecm? one that is plain needs --protocol plain"

# Bytes of an unknown type that are repeated in an error, whose line has an end, too.
_REPEATED: Final = 64


class State(Enum):
    """What a link is."""

    ASKING = "asking"  # hello is said, and nothing but hello will do
    PLAIN = "plain"
    TYPED = "typed"
    DRAINING = "draining"  # typed, and ejabberd wants nothing new
    CLOSED = "closed"


class Sign(Enum):
    """What makes a link something else."""

    HELLO = "hello"
    OTHER = "anything else"
    SILENCE = "silence"
    DRAIN = "drain"
    FAULT = "error or fault"


TRANSITIONS: Final = {
    State.ASKING: {
        Sign.HELLO: State.TYPED,
        Sign.OTHER: State.CLOSED,
        Sign.SILENCE: State.CLOSED,
        Sign.FAULT: State.CLOSED,
    },
    State.PLAIN: {
        Sign.FAULT: State.CLOSED,
    },
    State.TYPED: {
        Sign.DRAIN: State.DRAINING,
        Sign.SILENCE: State.CLOSED,
        Sign.FAULT: State.CLOSED,
    },
    State.DRAINING: {
        Sign.DRAIN: State.DRAINING,
        Sign.SILENCE: State.CLOSED,
        Sign.FAULT: State.CLOSED,
    },
}


# The events.


@attrs.frozen
class Send:
    """A packet is to be sent. One that is ``spare`` may be left out while the link is stuck."""

    id: int
    content: bytes
    spare: bool = False


@attrs.frozen
class Up:
    """The link takes requests: typed, from the ejabberd that ``hello`` names; or plain."""

    hello: Line | None


@attrs.frozen
class Answered:
    """A request has its answer, perhaps with a Content-Type that is not the usual one."""

    id: int
    status: int
    body: bytes
    content_type: str | None = None


@attrs.frozen
class Part:
    """An answer has begun, or goes on; the last of it will be ``Answered``."""

    id: int
    body: bytes


@attrs.frozen
class Dropped:
    """A request gets no answer, and its client is to be dropped."""

    id: int


@attrs.frozen
class Failed:
    """A request gets no answer, because of something that was not understood; ``why`` is logged."""

    id: int
    why: str


@attrs.frozen
class Drains:
    """ejabberd wants no new requests."""


@attrs.frozen
class RoundTrip:
    """ejabberd has answered a ping after so many seconds."""

    seconds: float


@attrs.frozen
class Close:
    """The link is to be closed, after all that is to be sent; ``why`` is logged. The last event."""

    why: str


Event = Send | Up | Answered | Part | Dropped | Failed | Drains | RoundTrip | Close


class Dialogue:
    """One link, from its beginning. Each method returns what is to be done, in order."""

    def __init__(self, settings: LinkSettings, instance: str, nonce: str) -> None:
        """``instance`` is ECM's name for ejabberd's log, of 255 bytes at most.

        ``nonce`` is 32 hexadecimal digits, for this link alone.
        """
        self._settings = settings
        self._instance = instance
        self._nonce = nonce
        self.state = State.PLAIN if settings.mode is LinkMode.PLAIN else State.ASKING
        self._began = self._heard = self._pinged = 0.0
        self._token = 0
        self._awaited = ""  # the token of a ping that has no pong yet
        self._pings = 0  # since the last tick
        self._in_parts = False  # whether ejabberd has said that it sends parts
        self._readers: dict[str, Callable[[Line, float], list[Event]]] = {
            "ping": self._ping,
            "pong": self._pong,
            "drain": self._drain,
            "error": self._error,
        }

    @property
    def is_typed(self) -> bool:
        return self.state in (State.TYPED, State.DRAINING)

    def begin(self, now: float) -> list[Event]:
        """The connection is there."""
        self._began = self._heard = self._pinged = now
        if self.state is State.PLAIN:
            return [Up(None)]
        fields = {
            "version": str(VERSION),
            "role": "ecm",
            "instance": self._instance,
            "max-packet": str(self._settings.max_packet),
            "max-content": str(self._settings.max_content),
            "nonce": self._nonce,
            "features": PARTS,
        }
        return [Send(LINK_ID, typed.write("hello", fields=fields))]

    def received(self, now: float) -> None:
        """Some bytes have come: there is somebody."""
        self._heard = now

    def packet(self, connection_id: int, content: bytes, now: float) -> list[Event]:
        """A packet has come."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.PLAIN:
            return _carried(connection_id, content)
        if not self.is_typed:
            return self._first(connection_id, content, now)
        try:
            line = typed.parse(content)
        except UnknownType as unknown:
            return self._unknown(connection_id, str(unknown))
        except ContentError as error:
            return self._not_understood(connection_id, content, "malformed", error.name)
        return self._typed(connection_id, line, now)

    def tick(self, now: float, incomplete_for: float = 0.0) -> list[Event]:
        """Some time has passed, a second or less; a packet has been incomplete for so long."""
        self._pings = 0
        if self.state is State.ASKING:
            return self._unanswered() if now - self._began >= HELLO_TIMEOUT else []
        if incomplete_for >= self._settings.link_timeout and self.state is not State.CLOSED:
            text = f"a packet was not complete after {self._settings.link_timeout} seconds"
            return self._fault("silent", text, text)
        if not self.is_typed:
            return []
        if now - self._heard >= self._settings.link_timeout:
            return self._dead()
        if not self._awaited and now - self._pinged >= self._settings.ping_interval:
            return self._send_ping(now)
        return []

    def no_packet(self, error: PacketError) -> list[Event]:
        """What has come is no packet."""
        if self.state is State.CLOSED:
            return []
        why = f"ejabberd has sent what is no packet: {error}"
        return self._fault("malformed", error.name, why)

    def unfit(self, connection_id: int, why: str) -> list[Event]:
        """The parts of an answer are more than can be held."""
        return self._not_understood(connection_id, b"", "too-long", why)

    def drain(self) -> list[Event]:
        """ECM stops soon."""
        return [Send(LINK_ID, typed.write("drain"))] if self.is_typed else []

    def gone(self, connection_id: int, reason: str) -> list[Event]:
        """The client of a request has gone, or has its answer from elsewhere."""
        return [Send(connection_id, typed.write("close", [reason]))] if self.is_typed else []

    # The state.

    def _become(self, sign: Sign) -> None:
        self.state = TRANSITIONS[self.state][sign]

    def _fault(self, code: str, text: str, why: str) -> list[Event]:
        """Say what is wrong to a peer that may understand it, and close."""
        said = [] if self.state is State.PLAIN else [_error(LINK_ID, code, text)]
        self._become(Sign.FAULT)
        return [*said, Close(why)]

    def _dead(self) -> list[Event]:
        text = f"nothing came for {self._settings.link_timeout} seconds"
        self._become(Sign.SILENCE)
        return [_error(LINK_ID, "silent", text), Close(text)]

    # Before it is known what the link is.

    def _first(self, connection_id: int, content: bytes, now: float) -> list[Event]:
        if connection_id == LINK_ID and content.partition(b" ")[0] in (b"hello", b"error"):
            try:
                line = typed.parse(content)
            except ContentError as error:
                why = f"ejabberd has sent a malformed hello: {error.name}"
                return self._fault("malformed", error.name, why)
            return self._hello(line) if line.type == "hello" else self._error(line, now)
        self._become(Sign.OTHER)
        why = f"ejabberd does not answer hello{PERHAPS_PLAIN}"
        return [_error(LINK_ID, "unexpected", "hello has to come first"), Close(why)]

    def _unanswered(self) -> list[Event]:
        self._become(Sign.SILENCE)
        text = f"no hello came for {HELLO_TIMEOUT} seconds"
        return [_error(LINK_ID, "silent", text), Close(text + PERHAPS_PLAIN)]

    def _hello(self, hello: Line) -> list[Event]:
        fields = hello.fields
        if fields["role"] != "ejabberd":
            return self._fault("unexpected", "two ecm", "the other end of the link is an ECM, too")
        if fields["version"] != str(VERSION):
            text = f"ecm speaks {VERSION}, ejabberd speaks {fields['version']}"
            return self._fault("version", text, f"no version of the link in common: {text}")
        wrong = self._unproven(fields)
        if wrong:
            return self._fault("unproven", "the secret", wrong)
        self._become(Sign.HELLO)
        self._in_parts = PARTS in fields.get("features", "").split(",")
        return [*self._own_proof(fields["nonce"]), Up(hello)]

    def _unproven(self, fields: dict[str, str]) -> str:
        """Return what is wrong with the proof of ejabberd, if something is."""
        secret, given = self._settings.secret, fields.get("proof")
        if secret is None:
            return "ejabberd wants a secret, give it with --link-secret-file" if given else ""
        if given is None:
            return "ejabberd has no secret: set secret_file for its listener"
        expected = proof(secret, "ejabberd", self._nonce, fields["nonce"])
        return "" if proves(given, expected) else "the secret of ejabberd is another one"

    def _own_proof(self, nonce: str) -> list[Event]:
        if self._settings.secret is None:
            return []
        own = proof(self._settings.secret, "ecm", self._nonce, nonce)
        return [Send(LINK_ID, typed.write("proof", [own]))]

    # On a typed link.

    def _typed(self, connection_id: int, line: Line, now: float) -> list[Event]:
        if line.type == "error":
            return (
                self._error(line, now) if connection_id == LINK_ID else _failed(connection_id, line)
            )
        if connection_id == LINK_ID and line.type in self._readers:
            return self._readers[line.type](line, now)
        if connection_id != LINK_ID and line.type == "answer":
            return [_answered(connection_id, line)]
        if connection_id != LINK_ID and line.type == "part" and self._in_parts:
            return [Part(connection_id, line.body or b"")]
        if connection_id != LINK_ID and line.type == "close":
            return [Dropped(connection_id)]
        return self._not_understood(connection_id, b"", "unexpected", line.type)

    def _unknown(self, connection_id: int, name: str) -> list[Event]:
        if connection_id == LINK_ID:
            return []
        return self._not_understood(connection_id, b"", "unknown-type", name[:_REPEATED])

    def _not_understood(
        self, connection_id: int, content: bytes, code: str, text: str
    ) -> list[Event]:
        """What is wrong on the link's own connection ends it; else it concerns one request."""
        why = f"ejabberd has sent what cannot be understood: {code}, {text}"
        if connection_id == LINK_ID:
            return self._fault(code, text, why)
        failed = Failed(connection_id, why)
        if content.startswith(b"error"):
            return [failed]
        return [_error(connection_id, code, text, spare=True), failed]

    def _error(self, line: Line, now: float) -> list[Event]:
        self._become(Sign.FAULT)
        return [Close(f"ejabberd says: {' '.join(line.words)}")]

    def _drain(self, line: Line, now: float) -> list[Event]:
        self._become(Sign.DRAIN)
        return [Drains()]

    def _ping(self, line: Line, now: float) -> list[Event]:
        self._pings += 1
        if self._pings > MAX_PINGS:
            return self._fault("flood", "too many pings", "ejabberd has sent too many pings")
        return [Send(LINK_ID, typed.write("pong", line.words), spare=True)]

    def _send_ping(self, now: float) -> list[Event]:
        self._pinged = now
        self._token += 1
        self._awaited = str(self._token)
        return [Send(LINK_ID, typed.write("ping", [self._awaited]))]

    def _pong(self, line: Line, now: float) -> list[Event]:
        if line.words[0] != self._awaited:
            return []
        self._awaited = ""
        return [RoundTrip(now - self._pinged)]


def _carried(connection_id: int, content: bytes) -> list[Event]:
    """What a packet of a plain link says."""
    return [] if connection_id == LINK_ID else [Answered(connection_id, 200, content)]


def _answered(connection_id: int, line: Line) -> Answered:
    content_type = line.fields.get("content-type")
    return Answered(connection_id, int(line.words[0]), line.body or b"", content_type)


def _failed(connection_id: int, line: Line) -> list[Event]:
    return [Failed(connection_id, f"ejabberd says: {' '.join(line.words)}")]


def _error(connection_id: int, code: str, text: str, spare: bool = False) -> Send:
    return Send(connection_id, typed.write("error", [code, text]), spare)
