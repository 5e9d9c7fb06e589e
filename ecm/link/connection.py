"""ECM's end of a connection to ejabberd as a state machine, without I/O (docs/protocol.md).

Pure: packets and the time go in, events come out. Times are seconds, from any epoch.
"""

from typing import Final

from ecm.limits import HELLO_TIMEOUT
from ecm.link import insight, message, requests
from ecm.link.agreement import Agreement, Previous
from ecm.link.events import (
    Acknowledged,
    Answered,
    Close,
    Established,
    Event,
    PeerDraining,
    RoundTrip,
    Send,
)
from ecm.link.handshake import Handshake, resume
from ecm.link.keep_alive import KeepAlive
from ecm.link.message import ContentError, Message, UnknownType
from ecm.link.packet import LINK_ID, PacketError
from ecm.link.requests import not_understood, said
from ecm.link.settings import LinkMode, LinkSettings
from ecm.link.state import TRANSITIONS, Input, State

WRONG: Final = "ejabberd is wrong about packets"

# The likely cause where the peer does not answer hello.
PERHAPS_PLAIN: Final = "; is that a mod_ecm? A plain one needs --link-mode plain"


class LinkConnection:
    """One connection, from its beginning. Each method returns the events that it causes, in order.

    The owner sets ``last_received`` whenever bytes come, of whatever packet: the peer is alive.
    ``previous`` is the link that is to go on, if there is one, and ``over`` the token of one that
    ECM has given up. ``hint`` is added to the reason where the peer does not answer hello.
    """

    def __init__(
        self,
        settings: LinkSettings,
        instance: str,
        nonce: str,
        previous: Previous | None = None,
        hint: str = PERHAPS_PLAIN,
        over: str = "",
    ) -> None:
        """``instance`` is ECM's name for ejabberd's log, of 255 bytes at most.

        ``nonce`` is 32 hexadecimal digits, for this connection alone.
        """
        self._link_timeout = settings.link_timeout
        self._handshake = Handshake(settings, instance, nonce)
        self._keep_alive = KeepAlive(settings.ping_interval, settings.link_timeout)
        self._previous = previous
        self._over = over
        self.hint = hint
        self.state = State.PLAIN if settings.mode is LinkMode.PLAIN else State.TYPED_ONLY
        # When what comes next was asked for: hello, or its resume.
        self._asked_at = self.last_received = 0.0
        self._agreement: Agreement | None = None

    @property
    def is_typed(self) -> bool:
        """True from the end of the handshake of a typed link until it is closed."""
        return self.state in (State.TYPED, State.DRAINING)

    # From the owner.

    def start(self, now: float) -> list[Event]:
        """The transport is connected."""
        self._asked_at = self.last_received = now
        self._keep_alive.start(now)
        if self.state is State.PLAIN:
            return [Established(None)]
        return [Send(LINK_ID, self._handshake.hello())]

    def drain(self) -> list[Event]:
        """Announce that ECM stops soon."""
        return [Send(LINK_ID, message.encode("drain"))] if self.is_typed else []

    def tick(self, now: float, incomplete_for: float = 0.0) -> list[Event]:
        """Some time has passed, a second or less; a packet has been incomplete for so long."""
        self._keep_alive.tick()
        if self.state in (State.TYPED_ONLY, State.RESUMING):
            return self._handshake_due(now)
        if incomplete_for >= self._link_timeout and self.state is not State.CLOSED:
            text = f"a packet was not complete after {self._link_timeout} seconds"
            return self._close(Input.SILENT, text, text)
        if not self.is_typed:
            return []
        if self._keep_alive.is_dead(now, self.last_received):
            text = f"nothing came for {self._link_timeout} seconds"
            return self._close(Input.SILENT, text, text)
        token = self._keep_alive.ping(now)
        if token is None:
            return []
        tells = self._agreement is not None and self._agreement.insight
        wanted = {"stats": "1"} if tells and self._keep_alive.asks(now) else {}
        return [Send(LINK_ID, message.encode("ping", [token], wanted))]

    def disbelieve(self, number: int | None) -> list[Event]:
        """ejabberd has acknowledged what it cannot have, or less than before.

        With None it goes on with a link that ECM has given up meanwhile.
        """
        if number is None:
            text = "the link has been given up"
            return self._close(Input.UNEXPECTED, text, f"ejabberd resumes too late: {text}")
        text = f"{number} is not the number of a packet that may be acknowledged"
        return self._close(Input.UNEXPECTED, text, f"{WRONG}: {text}")

    # From ejabberd.

    def receive(self, connection_id: int, content: bytes, now: float) -> list[Event]:
        """A packet has come."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.PLAIN:
            return [] if connection_id == LINK_ID else [Answered(connection_id, 200, content)]
        if self.state is State.TYPED_ONLY:
            return self._first(connection_id, content, now)
        if connection_id == LINK_ID:
            return self._about_link(content, now)
        if self._agreement is None or self.state is State.RESUMING:
            reason = "ejabberd sent a packet of a request before its resume"
            return self._close(Input.UNEXPECTED, "resume must come first", reason)
        return requests.receive(connection_id, content, self._agreement)

    def malformed(self, error: PacketError) -> list[Event]:
        """Bytes have come that are not a packet: nothing more can be read."""
        if self.state is State.CLOSED:
            return []
        reason = f"ejabberd sent a malformed packet: {error}"
        return self._close(Input.MALFORMED, error.name, reason)

    # Within.

    def _close(
        self, input: Input, text: str, reason: str, is_final: bool | None = None
    ) -> list[Event]:
        """Close the link. The peer is told where it may understand it, and does not know it yet.

        A fault, once the link is up, is for the whole link; silence is for the connection.
        """
        if is_final is None:
            is_final = self.is_typed and input is not Input.SILENT
        silent = self.state is State.PLAIN or input is Input.ERROR
        self.state = TRANSITIONS[self.state][input]
        close = Close(reason, is_final, text if input is Input.ERROR else input.value)
        return [close] if silent else [_error(input.value, text), close]

    def _handshake_due(self, now: float) -> list[Event]:
        if now - self._asked_at < HELLO_TIMEOUT:
            return []
        awaited, hint = ("resume", "") if self.state is State.RESUMING else ("hello", self.hint)
        text = f"no {awaited} came for {HELLO_TIMEOUT} seconds"
        return self._close(Input.SILENT, text, text + hint)

    def _first(self, connection_id: int, content: bytes, now: float) -> list[Event]:
        """Take the first packet of a link that must be typed."""
        if connection_id != LINK_ID or content.partition(b" ")[0] not in (b"hello", b"error"):
            reason = f"ejabberd does not answer hello{self.hint}"
            return self._close(Input.UNEXPECTED, "hello must come first", reason)
        try:
            first = message.decode(content)
        except ContentError as error:
            reason = f"ejabberd sent a malformed hello: {error.name}"
            return self._close(Input.MALFORMED, error.name, reason)
        if first.type == "error":
            return self._close(Input.ERROR, first.args[0], said(first))
        return self._hello(first.fields, now)

    def _hello(self, hello: dict[str, str], now: float) -> list[Event]:
        refusal = self._handshake.refusal(hello)
        if refusal is not None:
            return self._close(refusal.input, refusal.text, refusal.reason)
        agreement = self._agreement = self._handshake.agreement(hello)
        input = Input.OFFER if agreement.resumes else Input.HELLO
        self.state = TRANSITIONS[self.state][input]
        proof = self._handshake.proof(hello["nonce"])
        events: list[Event] = [] if proof is None else [Send(LINK_ID, proof)]
        if not agreement.resumes:
            return [*events, Established(agreement)]
        if self._previous is not None and self._previous.agreement != agreement:
            # Its packets may be too long now.
            self._over, self._previous = self._previous.token, None
        self._asked_at = now
        return [*events, Send(LINK_ID, resume(self._previous, self._over))]

    def _about_link(self, content: bytes, now: float) -> list[Event]:
        try:
            received = message.decode(content)
        except UnknownType:
            return []
        except ContentError as error:
            reason = not_understood("malformed", error.name)
            return self._close(Input.MALFORMED, error.name, reason)
        match received.type:
            case "pong":
                seconds = self._keep_alive.pong(received.args[0], now)
                return [] if seconds is None else [_round_trip(seconds, received.fields)]
            case "ping" if self._keep_alive.is_flood():
                reason = "ejabberd sent too many pings"
                return self._close(Input.FLOOD, "too many pings", reason)
            case "ping":
                return [Send(LINK_ID, message.encode("pong", received.args), droppable=True)]
            case "error":
                is_final = self.is_typed and received.args[0] != Input.SILENT.value
                return self._close(Input.ERROR, received.args[0], said(received), is_final)
        return self._about_state(received)

    def _about_state(self, received: Message) -> list[Event]:
        """Take what has its place in one state, and is a fault in the others."""
        resumes = self._agreement is not None and self._agreement.resumes
        tells = self._agreement is not None and self._agreement.insight
        match received.type:
            case "resume" if self.state is State.RESUMING:
                return self._resume(received.fields)
            case "ack" if resumes and self.is_typed:
                return [Acknowledged(int(received.args[0]))]
            case "drain" if self.is_typed:
                self.state = TRANSITIONS[self.state][Input.DRAIN]
                return [PeerDraining()]
            case "stats" | "inspected" if tells and self.is_typed:
                return [insight.told(received)]
        reason = not_understood("unexpected", received.type)
        return self._close(Input.UNEXPECTED, received.type, reason)

    def _resume(self, fields: dict[str, str]) -> list[Event]:
        previous, token = self._previous, fields.get("link")
        if token is None:
            reason = not_understood("malformed", "missing-field")
            return self._close(Input.MALFORMED, "missing-field", reason)
        got = int(fields.get("got", "0"))
        goes_on = previous is not None and previous.token == token
        if previous is not None and goes_on and not previous.acknowledged <= got <= previous.sent:
            return self._close(Input.UNEXPECTED, f"got {got}", f"{WRONG}: got {got}", is_final=True)
        self.state = TRANSITIONS[self.state][Input.RESUME]
        return [Established(self._agreement, token, got if goes_on else None)]


def _round_trip(seconds: float, fields: dict[str, str]) -> RoundTrip:
    load = int(fields["load"]) if "load" in fields else None
    return RoundTrip(seconds, load, fields.get("cluster", ""))


def _error(code: str, text: str) -> Send:
    return Send(LINK_ID, message.encode("error", [code, text]))
