"""Packets, the frames of the link between ECM and ejabberd.

::

    packet        = length "|" connection-id "|" content
    length        = 10DIGIT    ; bytes of the whole packet, these 32 bytes of header included
    connection-id = 20DIGIT    ; 1 to 2^64-1 name a client's connection; 0 is the link itself
    content       = *OCTET     ; length - 32 bytes, never escaped

Pure: bytes in, packets out.
"""

from collections.abc import Iterator
from typing import Final

from ecm.limits import MAX_PACKET

HEADER_SIZE: Final = 32
MAX_ID: Final = 2**64 - 1
LINK_ID: Final = 0

_BAR: Final = ord("|")


class PacketError(ValueError):
    """The peer sent bytes that are not a packet. The start of the next one cannot be known.

    ``name`` is one of ``length-not-decimal``, ``missing-separator``, ``id-not-decimal``,
    ``length-too-small``, ``length-too-large`` and ``id-too-large``. ``received`` holds the first
    64 bytes, at most, from where the packet should have started.
    """

    def __init__(self, name: str, received: bytes) -> None:
        super().__init__(f"{name}: {received!r}")
        self.name = name
        self.received = received


def encode(connection_id: int, content: bytes) -> bytes:
    """Return the packet that carries ``content`` for the connection with this ID."""
    return b"%010d|%020d|%b" % (HEADER_SIZE + len(content), connection_id, content)


def decode(packet: bytes) -> tuple[int, bytes]:
    """Return the ID and the content of a whole packet that ``encode`` has made."""
    return int(packet[HEADER_SIZE - 21 : HEADER_SIZE - 1]), packet[HEADER_SIZE:]


class PacketDecoder:
    """Incremental decoder: bytes in, split anywhere, and complete packets out.

    It buffers at most one incomplete packet, of at most ``max_packet`` bytes, and looks at it only
    when there is enough for the next step: a header, or the packet that a header announces.
    """

    __slots__ = ("_buffer", "_max_packet", "_wanted", "begun")

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._max_packet = max_packet
        self._buffer = bytearray()
        self._wanted = HEADER_SIZE
        # Number of packets that were incomplete at first: it tells one of them from the next.
        self.begun = 0

    @property
    def buffered(self) -> int:
        """Bytes of an incomplete packet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (connection ID, content) of each packet that ``data`` completes, in order.

        Raises PacketError once all packets before the fault have been yielded; after that the
        decoder must not be used. Nothing is read before the first packet is asked for.
        """
        joined = bool(self._buffer)
        if joined:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        start, size = 0, len(data)
        self._wanted = HEADER_SIZE
        while size - start >= HEADER_SIZE:
            length, connection_id = self._header(data, start)
            if size - start < length:
                self._wanted = length
                break
            yield connection_id, data[start + HEADER_SIZE : start + length]
            start += length
        if start < size:
            self._buffer += data[start:]
            self.begun += start > 0 or not joined

    def _header(self, data: bytes, start: int) -> tuple[int, int]:
        """Return length and connection ID of the packet whose header begins at ``start``."""
        digits, id_digits = data[start : start + 10], data[start + 11 : start + 31]
        if not (
            digits.isdigit()
            and id_digits.isdigit()
            and data[start + 10] == data[start + 31] == _BAR
        ):
            raise _error(data, start, _malformation(data[start : start + HEADER_SIZE]))
        length, connection_id = int(digits), int(id_digits)
        if length < HEADER_SIZE:
            raise _error(data, start, "length-too-small")
        if length > self._max_packet:
            raise _error(data, start, "length-too-large")
        if connection_id > MAX_ID:
            raise _error(data, start, "id-too-large")
        return length, connection_id


def _error(data: bytes, start: int, name: str) -> PacketError:
    return PacketError(name, data[start : start + 64])


def _malformation(header: bytes) -> str:
    """Name the first fault, from left to right, of 32 bytes that are not a header."""
    if not header[:10].isdigit():
        return "length-not-decimal"
    if header[10] == _BAR and not header[11:31].isdigit():
        return "id-not-decimal"
    return "missing-separator"
