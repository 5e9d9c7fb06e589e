"""Packets on a Twisted transport, in the manner of Twisted's ``Int32StringReceiver``."""

from twisted.internet.protocol import Protocol

from ecm.link.packet import PacketDecoder, PacketError
from ecm.net.transport import IStreamTransport


class PacketReceiver(Protocol):
    """Calls ``packet_received`` for each packet that arrives; both methods are to be overridden."""

    transport: IStreamTransport

    def __init__(self, max_packet: int) -> None:
        self._decoder = PacketDecoder(max_packet)
        # The packet that was incomplete when it was looked at last, and when it was so first.
        self._incomplete = 0
        self._since = 0.0

    def dataReceived(self, data: bytes) -> None:
        try:
            for connection_id, content in self._decoder.feed(data):
                self.packet_received(connection_id, content)
        except PacketError as error:
            self.packet_error(error)

    def incomplete_for(self, now: float) -> float:
        """Return for how long the same packet has been incomplete, as far as was looked at."""
        if self._decoder.begun != self._incomplete:
            self._incomplete = self._decoder.begun
            self._since = now
        return now - self._since if self._decoder.held else 0.0

    def packet_received(self, connection_id: int, content: bytes) -> None:
        """Take one packet."""
        raise NotImplementedError

    def packet_error(self, error: PacketError) -> None:
        """The peer has sent what is no packet: nothing more can be read from it."""
        raise NotImplementedError
