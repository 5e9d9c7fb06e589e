"""Framing: packets on a Twisted transport, as Twisted's ``Int32StringReceiver`` has strings."""

from twisted.internet.protocol import Protocol

from ecm.link.packet import PacketDecoder, PacketError
from ecm.net.transport import IStreamTransport


class PacketReceiver(Protocol):
    """Calls ``packet_received`` for each packet, and ``packet_error`` at a fault, in subclasses."""

    transport: IStreamTransport

    def __init__(self, max_packet: int) -> None:
        self._decoder = PacketDecoder(max_packet)
        # The packet that was incomplete at the last look, and the time of the first look at it.
        self._incomplete = 0
        self._since = 0.0

    def dataReceived(self, data: bytes) -> None:
        try:
            for connection_id, content in self._decoder.feed(data):
                self.packet_received(connection_id, content)
        except PacketError as error:
            self.packet_error(error)

    def incomplete_for(self, now: float) -> float:
        """Return the seconds since the first look at the packet that is incomplete, or 0."""
        if self._decoder.begun != self._incomplete:
            self._incomplete = self._decoder.begun
            self._since = now
        return now - self._since if self._decoder.buffered else 0.0

    def packet_received(self, connection_id: int, content: bytes) -> None:
        """Take one packet."""
        raise NotImplementedError

    def packet_error(self, error: PacketError) -> None:
        """Bytes have come that are not a packet: nothing more can be read."""
        raise NotImplementedError
