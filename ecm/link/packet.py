"""The packet, the unit of everything on the link between ECM and ejabberd.

::

    packet        = length "|" connection-id "|" content
    length        = 10DIGIT    ; bytes of the whole packet, these 32 bytes of header included
    connection-id = 20DIGIT    ; 1 to 2^64-1 name a client's connection; 0 is the link itself
    content       = *OCTET     ; length - 32 bytes, never escaped and never looked into

All of it is pure: bytes in, packets out.
"""

from collections.abc import Iterator
from typing import Final

from ecm.limits import MAX_PACKET

HEADER_SIZE: Final = 32
MAX_ID: Final = 2**64 - 1
LINK_ID: Final = 0

_BAR: Final = ord("|")


class PacketError(ValueError):
    """The peer sent bytes that are no packet; where the next one starts cannot be known.

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


class PacketDecoder:
    """Takes bytes as they arrive, split anywhere, and gives the packets that are complete.

    It holds at most one incomplete packet, of at most ``max_packet`` bytes, and looks at what it
    holds only when there is enough for the next step: a header, or the packet it announces.
    """

    __slots__ = ("_held", "_max_packet", "_wanted", "begun")

    def __init__(self, max_packet: int = MAX_PACKET) -> None:
        self._max_packet = max_packet
        self._held = bytearray()
        self._wanted = HEADER_SIZE
        # How many packets have been held before they were complete: it tells them apart.
        self.begun = 0

    @property
    def held(self) -> int:
        """How many bytes of an incomplete packet are held."""
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (connection ID, content) of each packet that ``data`` completes, in order.

        Raises PacketError once all the packets before the fault have been yielded; the decoder
        is of no more use then. Nothing is taken before the first packet is asked for.
        """
        joined = bool(self._held)
        if joined:
            self._held += data
            if len(self._held) < self._wanted:
                return
            data = bytes(self._held)
            self._held.clear()
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
            self._held += data[start:]
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
    """Name the first fault, from left to right, of 32 bytes that are no header."""
    if not header[:10].isdigit():
        return "length-not-decimal"
    if header[10] == _BAR and not header[11:31].isdigit():
        return "id-not-decimal"
    return "missing-separator"
