"""The records of a server behind the handshake: bytes from the client to data, and back. Pure.

What a client does wrong, and the alert that it gets (RFC 8446):

    a record that is not encrypted, of whatever type         unexpected_message    section 5
    more than 2^14 + 256 bytes in a record                   record_overflow       section 5.2
    more than 2^14 bytes with the padding                    record_overflow       section 5.4
    a record that was changed, repeated, left out            bad_record_mac        section 5.2
    nothing but padding                                      unexpected_message    section 5.4
    another type than data, alert, handshake                 unexpected_message    section 5
    an alert or a handshake record without content           unexpected_message    section 5.4
    an alert that is not two bytes                           decode_error          section 5.1
    a message other than KeyUpdate                           unexpected_message    section 4.6
    a KeyUpdate of another length                            decode_error          section 4.6.3
    a KeyUpdate that is no request, and not none             illegal_parameter     section 4.6.3
    something behind a KeyUpdate in its record               unexpected_message    section 5.1
    something between the parts of a message                 unexpected_message    section 5.1
    MAX_EMPTY_RECORDS records without data in a row          unexpected_message    section 6.2
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from ecm.limits import MAX_EMPTY_RECORDS, MAX_RECORDS
from ecm.tls import alerts
from ecm.tls.alerts import Alert, TlsFault
from ecm.tls.direction import HEADER, Direction
from ecm.tls.suites import TAG, Suite

# Types of records.
ALERT: Final = 21
HANDSHAKE: Final = 22
DATA: Final = 23

# Bytes of a record: of its content, of what is encrypted, and of that as it comes.
MAX_CONTENT: Final = 2**14
_MAX_INNER: Final = MAX_CONTENT + 1
MAX_RECORD: Final = MAX_CONTENT + 256

# The message KeyUpdate, up to its last byte, which is 1 if the other side is to update, too.
_KEY_UPDATE: Final = b"\x18\x00\x00\x01"
_REQUESTED: Final = 1


class End(NamedTuple):
    """The end of what comes from a client: an alert, which the client has sent, or is sent."""

    alert: int
    by_client: bool

    @property
    def is_orderly(self) -> bool:
        """True if the client has closed its end, and may still read (RFC 8446, section 6.1)."""
        return self.by_client and self.alert == Alert.CLOSE_NOTIFY


class Received(NamedTuple):
    """Data that has come; if it was the last, the end, and the alert that is to be sent."""

    data: bytes = b""
    reply: bytes = b""
    end: End | None = None


_NOTHING: Final = Received()


class Records:
    """The records of one connection; ``client`` and ``server`` are the traffic secrets of both.

    ``sent`` is the number of records that were sent with the secret already: tickets.
    """

    __slots__ = (
        *("_due", "_empty", "_message", "_reads", "_receiving", "_rest", "_sending", "_writes"),
    )

    def __init__(self, suite: Suite, client: bytes, server: bytes, sent: int = 0) -> None:
        self._receiving = Direction(suite, client, 0)
        self._sending = Direction(suite, server, sent)
        self._rest = b""  # of a record that is not complete
        self._message = b""  # the same of a message
        self._empty = 0  # records without data in a row
        self._due = False  # whether the client waits for a KeyUpdate
        self._reads = self._writes = True

    def receive(self, data: bytes) -> Received:
        """Take bytes from the client. After the end there is nothing more, whatever comes."""
        if not self._reads:
            return _NOTHING
        taken: list[bytes] = []
        try:
            for kind, content in self._open(data):
                if kind == DATA:
                    taken.append(self._data(content))
                elif kind == HANDSHAKE:
                    self._handshake(content)
                elif (alert := self._alert(kind, content)) is not None:
                    return self._ended(taken, End(alert, True))
        except TlsFault as fault:
            return self._ended(taken, End(fault.alert, False))
        return Received(b"".join(taken))

    def send(self, data: bytes) -> bytes:
        """Return the records for some data; none behind ``close`` or a fault."""
        if not self._writes or not data:
            return b""
        if len(data) <= MAX_CONTENT:
            return self._sealed(data)
        parts = (data[at : at + MAX_CONTENT] for at in range(0, len(data), MAX_CONTENT))
        return b"".join(map(self._sealed, parts))

    def close(self) -> bytes:
        """Return the end of what is sent; nothing the second time."""
        return self._last(Alert.CLOSE_NOTIFY)

    @property
    def held(self) -> int:
        """The bytes of a record that is not complete."""
        return len(self._rest)

    @property
    def has_ended(self) -> bool:
        """True once nothing more comes from the client."""
        return not self._reads

    # Receiving.

    def _open(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield type and content of each record that is complete."""
        data = self._rest + data
        at = 0
        while (end := _end(data, at)) <= len(data):
            inner = self._receiving.open(data[at:end])
            if len(inner) > _MAX_INNER:
                raise TlsFault(Alert.RECORD_OVERFLOW)
            padded = inner.rstrip(b"\0")
            if not padded:
                raise TlsFault(Alert.UNEXPECTED_MESSAGE)
            at = end
            yield padded[-1], padded[:-1]
        self._rest = data[at:]

    def _data(self, content: bytes) -> bytes:
        if content:
            self._empty = 0
        else:
            self._count_empty()
        if self._message:
            raise TlsFault(Alert.UNEXPECTED_MESSAGE)
        return content

    def _count_empty(self) -> None:
        self._empty += 1
        if self._empty >= MAX_EMPTY_RECORDS:
            raise TlsFault(Alert.UNEXPECTED_MESSAGE)

    def _handshake(self, content: bytes) -> None:
        """Take a part of a KeyUpdate. One that is asked for goes in front of the next data.

        So a client that asks again and again, and does not read, is answered once.
        """
        self._count_empty()
        self._message, request = _key_update(self._message, content)
        if request is not None:
            self._receiving.update()
        self._due |= request == _REQUESTED

    def _alert(self, kind: int, content: bytes) -> int | None:
        """Return the alert that is the last of the client; None for one that is not."""
        if kind != ALERT or self._message:
            raise TlsFault(Alert.UNEXPECTED_MESSAGE)
        alert = alerts.decode(content)
        if alert != Alert.USER_CANCELED:  # close_notify follows
            return alert
        self._count_empty()
        return None

    def _ended(self, taken: list[bytes], end: End) -> Received:
        """Read no more. A client that has sent a fatal alert is sent nothing more, either."""
        self._reads = False
        self._rest = self._message = b""
        reply = b""
        if not end.by_client:
            reply = self._last(Alert(end.alert))
        elif end.alert != Alert.CLOSE_NOTIFY:
            self._writes = False
        return Received(b"".join(taken), reply, end)

    # Sending.

    def _sealed(self, part: bytes) -> bytes:
        """Return the record for a part of the data, behind a KeyUpdate where one is due."""
        if not self._due and self._sending.number < MAX_RECORDS:
            return self._sending.seal(DATA, part)
        self._due = False
        update = self._sending.seal(HANDSHAKE, _KEY_UPDATE + b"\0")
        self._sending.update()
        return update + self._sending.seal(DATA, part)

    def _last(self, alert: Alert) -> bytes:
        if not self._writes:
            return b""
        self._writes = False
        return self._sending.seal(ALERT, alerts.encode(alert))


def _end(data: bytes, at: int) -> int:
    """Return where the record that begins at a place ends, beyond the data if that is not known.

    Raises TlsFault as soon as it can be no record.
    """
    if at < len(data) and data[at] != DATA:
        raise TlsFault(Alert.UNEXPECTED_MESSAGE)
    if len(data) < at + HEADER:
        return len(data) + 1
    length = int.from_bytes(data[at + 3 : at + HEADER])
    if length > MAX_RECORD:
        raise TlsFault(Alert.RECORD_OVERFLOW)
    if length < TAG:
        raise TlsFault(Alert.BAD_RECORD_MAC)
    return at + HEADER + length


def _key_update(before: bytes, content: bytes) -> tuple[bytes, int | None]:
    """Return what there is of a KeyUpdate, or its last byte once it is whole.

    Raises TlsFault for any other message, as soon as it is one.
    """
    message = before + content
    if not content or message[:1] != _KEY_UPDATE[:1]:
        raise TlsFault(Alert.UNEXPECTED_MESSAGE)
    if not _KEY_UPDATE.startswith(message[: len(_KEY_UPDATE)]):
        raise TlsFault(Alert.DECODE_ERROR)
    if len(message) <= len(_KEY_UPDATE):
        return message, None
    if len(message) > len(_KEY_UPDATE) + 1:
        raise TlsFault(Alert.UNEXPECTED_MESSAGE)
    if message[-1] > _REQUESTED:
        raise TlsFault(Alert.ILLEGAL_PARAMETER)
    return b"", message[-1]
