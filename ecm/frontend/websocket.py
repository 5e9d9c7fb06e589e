"""WebSocket connections of clients (RFC 6455, RFC 7395): a message of theirs is one to ejabberd."""

from math import inf
from typing import Final

from ecm.frontend.blame import blame
from ecm.frontend.connection import Phase
from ecm.frontend.registry import Registry
from ecm.frontend.websocket_closing import ClosingWebSocket
from ecm.limits import FRAMES_AT_ONCE, PING_AFTER, PONG_TIMEOUT
from ecm.link.message import GONE
from ecm.log.faults import Fault
from ecm.upstream.pool import UpstreamPool
from ecm.websocket import codes
from ecm.websocket.closing import Input, State
from ecm.websocket.codes import WebSocketError
from ecm.websocket.decoder import Decoder, Event, only
from ecm.websocket.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    frame,
    reply_frame,
)

_PING: Final = frame(PING, b"")

NO_BINARY: Final = "XMPP is text"


class WebSocketConnection(ClosingWebSocket):
    """Frames of the client to messages, and pings where nothing is heard.

    A message that comes whole is passed on without a decoder. An idle connection has none.
    """

    speaks = "websocket"
    # There may be hundreds of thousands of these, nearly all of them idle.
    __slots__ = ("_heard_at", "_pinged_at")

    def __init__(self, registry: Registry, upstream: UpstreamPool) -> None:
        super().__init__(registry, upstream)
        # When anything has come from the client last, and when it was asked for that.
        self._heard_at = registry.clock.now
        self._pinged_at = 0.0

    def begin(self, response: bytes, behind: bytes) -> None:
        """Send the response to the handshake; ``behind`` has come behind that."""
        self._send(response)
        self.update_reading()
        if behind:
            self.dataReceived(behind)

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = self.registry.clock.now
        if self._decoder is None and self._streams is not None:
            event = only(data, self._max_message)
            if event is not None and self._streams.may_send(self):
                self._streams.message(self, event.payload)
                return
        if self._state != State.CLOSED:
            self._decoder = self._decoder or Decoder(self._max_message)
            self._decoder.add(data)
            self.more()

    @property
    def _max_message(self) -> int:
        """The bytes of the longest message that is taken."""
        longest = self.registry.settings.request.max_body
        return longest if self._streams is None else min(longest, self._streams.max_message)

    def more(self) -> None:
        """Take what has come, as far as there is credit for it."""
        decoder = self._decoder
        if decoder is None:
            return
        try:
            self._take_from(decoder)
        except WebSocketError as error:
            self.registry.metrics.streams_faulty["websocket"] += 1
            blame(self, Fault.WEBSOCKET, f"{error.code} {error}")
            self._fail(error.code, str(error))
        if decoder.idle or self._state == State.CLOSED:
            self._decoder = None
        self.update_reading()
        self.registry.count_held(self)

    def _take_from(self, decoder: Decoder) -> None:
        """Deal with what is whole, some frames at most: with more in a later turn.

        Pings that have come together are answered together.
        """
        pongs: list[bytes] = []
        decoder.left = FRAMES_AT_ONCE
        while self._may_take():
            event = decoder.next()
            if event is None:
                if decoder.left:
                    break
                decoder.left = FRAMES_AT_ONCE
                self.registry.sockets.go_on_later(self.more, self.transport.abortConnection)
                continue
            if not decoder.is_within:
                decoder.due = inf  # the next message has a time of its own
                if self.phase == Phase.BODY:
                    self._enter(Phase.HELD)
            if event.opcode == PING:
                pongs.append(frame(PONG, event.payload))
            else:
                self._take(event)
        if pongs and self._state == State.OPEN:
            self._send(b"".join(pongs))

    def _may_take(self) -> bool:
        """Return whether what comes next may be dealt with. Behind a Close frame nothing counts."""
        if self.registry.sockets.is_for_later(self.more):
            return False
        if self._streams is None:
            return self._state == State.CLOSING
        return self._streams.may_send(self)

    def _take(self, event: Event) -> None:
        """Deal with what has come. Once a Close frame is sent, only that of the client counts."""
        if event.opcode == CLOSE:
            self._end(GONE)
            self._advance(Input.CLOSE, reply_frame(event.payload))
        elif self._streams is None:
            return
        elif event.opcode == TEXT:
            self._streams.message(self, event.payload)
        elif event.opcode == BINARY:
            raise WebSocketError(codes.UNSUPPORTED_DATA, NO_BINARY)

    def probe(self, now: float) -> bool:
        """Ping a client that has been silent. Returns whether it has not answered one."""
        if self._paused:
            self._heard_at = now  # it is not listened to
        if self.phase != Phase.HELD:
            return False  # which has a deadline
        if self._pinged_at > self._heard_at:
            return now - self._pinged_at >= PONG_TIMEOUT
        if now - self._heard_at >= PING_AFTER:
            self._pinged_at = now
            self._send(_PING)
        return False

    def _may_read(self) -> bool:
        if self._decoder is not None and self.registry.sockets.is_for_later(self.more):
            return False
        if self._streams is None and self._state != State.OPEN:
            return True
        return super()._may_read() and (self._decoder is None or self._may_take())
