"""The end of a WebSocket connection: the close handshake, from either side, and its deadlines."""

from math import inf
from typing import Final

from ecm.frontend.connection import Phase
from ecm.frontend.registry import Registry
from ecm.frontend.streaming import StreamConnection
from ecm.limits import DECODER_SIZE
from ecm.link.message import END, GAVE_UP, REFUSED
from ecm.upstream.pending import COUNTED_AS, NOT_UNDERSTOOD
from ecm.upstream.pool import UpstreamPool
from ecm.websocket import codes
from ecm.websocket.closing import TRANSITIONS, Input, State
from ecm.websocket.decoder import Decoder
from ecm.websocket.frames import TEXT, close_frame, frame

# The status of our Close frame after ``close`` of ejabberd, by its reason.
_STATUSES: Final = {END: codes.NORMAL, REFUSED: codes.TRY_AGAIN_LATER}

CROWDED: Final = "This front end has too much to do"
SLOW: Final = "The message came too slowly"


class ClosingWebSocket(StreamConnection):
    """A WebSocket that both sides can close, and that has a deadline while anything is due."""

    __slots__ = ("_decoder", "_state")

    def __init__(self, registry: Registry, upstream: UpstreamPool) -> None:
        super().__init__(registry, upstream)
        self._state: int = State.OPEN
        # A message that is not whole, and what waits for credit.
        self._decoder: Decoder | None = None

    def left(self) -> None:
        self._close(codes.RESTART)

    def closed(self, reason: str, status: int | None) -> None:
        self._streams = None
        if status is None or not codes.may_be_sent(status):
            status = _STATUSES.get(reason, codes.INTERNAL_ERROR)
        self._close(status)

    def rejected(self, why: str) -> None:
        self.registry.metrics.unavailable[COUNTED_AS[why]] += 1
        self._streams = None
        self._close(codes.INTERNAL_ERROR if why == NOT_UNDERSTOOD else codes.RESTART, why)

    def drain(self) -> None:
        """It is released in its turn: its client has to log in again."""

    def reject_pending(self) -> None:
        self._end(GAVE_UP)
        self._close(codes.RESTART)

    def _close(self, code: int, reason: str = "") -> None:
        """Close behind what waits for the client, which has some seconds to close, too."""
        self._advance(Input.LEAVE, close_frame(code, reason))
        self.more()  # what has waited for credit does not count, but for a Close frame

    def _fail(self, code: int, reason: str) -> None:
        """Close, and listen no more to the client."""
        self._end(GAVE_UP)
        self._advance(Input.FAULT, close_frame(code, reason))

    def _advance(self, what: int, close: bytes) -> None:
        """Go on with the close handshake; ``close`` is our Close frame, if it is its turn."""
        step = TRANSITIONS[self._state, what]
        self._state = step.state
        if step.says:
            self._send(close)
        if step.ends:
            self._decoder = None
            self._half_close()
        self.update_reading()

    def timed_out(self) -> None:
        """Close a connection whose message is not complete in time, abort others."""
        if self.phase == Phase.BODY:
            self._fail(codes.POLICY, SLOW)
        else:
            super().timed_out()

    def shed(self) -> None:
        """Have the client come back later; abort, if it does not read that either."""
        if self._write_blocked or self._is_behind_in_tls:
            super().shed()
        else:
            self._fail(codes.TRY_AGAIN_LATER, CROWDED)

    def _framed(self, message: bytes) -> bytes:
        return frame(TEXT, message)

    def _update_phase(self) -> None:
        if self._state == State.CLOSED:
            return
        if self._write_blocked:
            self._enter(Phase.SENDING)
        elif self._state == State.CLOSING:
            self._enter(Phase.CLOSING)
        elif self._decoder is not None and not self._paused:
            self._await_rest(self._decoder)
        else:
            if self._decoder is not None and not self.registry.sockets.is_for_later(self.more):
                self._decoder.due = inf  # it waits for others, and has all its time after that
            self._enter(Phase.HELD)

    def _await_rest(self, decoder: Decoder) -> None:
        """Wait for the rest of a message, no longer for what is sent meanwhile, such as pongs."""
        if self.phase != Phase.BODY:
            self._enter(Phase.BODY)
            decoder.due = self.deadline = min(self.deadline, decoder.due)

    @property
    def held(self) -> int:
        partial = self._decoder.held + DECODER_SIZE if self._decoder is not None else 0
        return partial + super().held
