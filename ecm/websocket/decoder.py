"""Bytes of a client to whole messages and control frames (RFC 6455, sections 5 and 8.1). Pure."""

import codecs
from math import inf
from typing import Final, NamedTuple, NoReturn

from ecm.websocket import codes
from ecm.websocket.codes import WebSocketError
from ecm.websocket.frames import (
    CLOSE,
    CONTINUATION,
    FIN,
    KEY_SIZE,
    LONG,
    MASKED,
    MAX_CONTROL,
    MEDIUM,
    TEXT,
    Header,
    header,
)
from ecm.websocket.mask import mask

# Bytes of the shortest frame of a client.
_LEAST: Final = 2 + KEY_SIZE

_Utf8: Final = codecs.getincrementaldecoder("utf-8")


class Event(NamedTuple):
    """A whole message, or a control frame, by its ``opcode``.

    A text is UTF-8, and the payload of a Close frame is empty or a status code and a reason.
    """

    opcode: int
    payload: bytes


def only(data: bytes, max_message: int) -> Event | None:
    """Return the text that bytes are: just this, whole, in one frame, at most 64 kB long.

    Nearly all that clients send is. It takes a third of the time that a decoder does, which takes
    it just so. None where it is anything else.
    """
    if len(data) < _LEAST or data[0] != FIN | TEXT:
        return None
    length, at = data[1] - MASKED, 2
    if length >= MEDIUM:
        if length == LONG:
            return None
        length, at = int.from_bytes(data[2:4]), 4
        if length <= MAX_CONTROL:
            return None
    if length != len(data) - at - KEY_SIZE or length > max_message:
        return None
    text = mask(data[at + KEY_SIZE :], data[at : at + KEY_SIZE])
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return Event(TEXT, text)


class Decoder:
    """Incremental decoder: bytes in, split anywhere, and events out, each as it is asked for.

    It joins the fragments of a message, of at most ``max_message`` bytes. While ``idle`` it holds
    nothing, and may be thrown away. It looks at each byte once, and finds what is not UTF-8 with
    the first byte that is wrong, also within a fragment. ``due`` is the time, in seconds, at which
    a message must be whole; it is that of its owner, and as short-lived as the message. ``left`` is
    how many frames may begin: its owner says how many do at once.
    """

    __slots__ = (
        "_header",
        "_max_message",
        "_message",
        "_missing",
        "_opcode",
        "_received",
        "_utf8",
        "due",
        "left",
    )

    def __init__(self, max_message: int) -> None:
        self.due = inf
        self.left: float = inf
        self._max_message = max_message
        self._received = bytearray()
        # The frame whose payload comes, and how many bytes of that are still to come.
        self._header: Header | None = None
        self._missing = 0
        # The message that is not whole: its opcode, 0 if there is none; and what has come of it.
        self._opcode = CONTINUATION
        self._message = bytearray()
        self._utf8: codecs.IncrementalDecoder | None = None

    @property
    def idle(self) -> bool:
        """True while nothing is held."""
        return not (self._received or self._opcode) and self._header is None

    @property
    def is_within(self) -> bool:
        """True while a message has begun whose last frame has not come."""
        return bool(self._opcode)

    @property
    def held(self) -> int:
        """The number of bytes that are held."""
        return len(self._received) + len(self._message)

    def add(self, data: bytes) -> None:
        """Take bytes. Nothing is decoded before ``next`` asks for it."""
        self._received += data

    def next(self) -> Event | None:
        """Return the next event, or None where none is whole, or no frame is ``left`` to begin.

        Raises WebSocketError on what no client may send; the decoder is useless after that.
        """
        while self._header is not None or self._begin_frame():
            assert self._header is not None
            if self._header.opcode >= CLOSE:
                return self._control(self._header)
            event = self._data(self._header)
            if event is not None:
                return event
            if self._header is not None:
                return None
        return None

    def _begin_frame(self) -> bool:
        """Read a header, and return whether it is whole."""
        found = header(self._received) if self.left else None
        if found is None:
            return False
        self.left -= 1
        if found.opcode < CLOSE:
            self._check_order(found)
        del self._received[: found.size]
        self._header = found
        self._missing = found.length
        return True

    def _check_order(self, found: Header) -> None:
        """Check that a frame of a message may come now, and fits."""
        if (found.opcode == CONTINUATION) is not bool(self._opcode):
            why = "A message begins in another" if self._opcode else "There is nothing to continue"
            raise WebSocketError(codes.PROTOCOL_ERROR, why)
        if len(self._message) + found.length > self._max_message:
            raise WebSocketError(codes.TOO_BIG, f"At most {self._max_message} bytes are taken")

    def _control(self, found: Header) -> Event | None:
        if len(self._received) < self._missing:
            return None
        payload = self._take(found)
        self._header = None
        if found.opcode == CLOSE:
            _check_close(payload)
        return Event(found.opcode, payload)

    def _data(self, found: Header) -> Event | None:
        """Take what has come of a frame. Returns the message if that is all of it."""
        begins = self._missing == found.length and not self._opcode
        payload = self._take(found)
        ends = found.is_final and not self._missing
        if not self._missing:
            self._header = None
        if begins and ends:
            if found.opcode == TEXT:
                _check_text(payload)
            return Event(found.opcode, payload)
        if begins:
            self._begin_message(found.opcode)
        return self._join(payload, ends)

    def _take(self, found: Header) -> bytes:
        """Return what has come of a payload, without its mask."""
        at = (found.length - self._missing) % 4
        payload = mask(self._received[: self._missing], found.key[at:] + found.key[:at])
        del self._received[: self._missing]
        self._missing -= len(payload)
        return payload

    def _begin_message(self, opcode: int) -> None:
        self._opcode = opcode
        self._utf8 = _Utf8() if opcode == TEXT else None

    def _join(self, payload: bytes, ends: bool) -> Event | None:
        """Put bytes behind those that have come of a message. Returns it if they are the last."""
        if self._utf8 is not None:
            try:
                self._utf8.decode(payload, ends)
            except UnicodeDecodeError:
                _refuse_text()
        self._message += payload
        if not ends:
            return None
        event = Event(self._opcode, bytes(self._message))
        self._opcode = CONTINUATION
        self._message = bytearray()
        self._utf8 = None
        return event


def _refuse_text() -> NoReturn:
    raise WebSocketError(codes.NOT_UTF_8, "A text is not UTF-8") from None


def _check_text(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        _refuse_text()


def _check_close(payload: bytes) -> None:
    """Check the payload of a Close frame (RFC 6455, section 5.5.1)."""
    if not payload:
        return
    if len(payload) == 1 or not codes.may_be_sent(int.from_bytes(payload[:2])):
        raise WebSocketError(codes.PROTOCOL_ERROR, "There is no such status code")
    _check_text(payload[2:])
