"""Packets on a Twisted transport, in the manner of Twisted's ``Int32StringReceiver``."""

from twisted.internet.protocol import Protocol

from ecm.packet import PacketDecoder, PacketError
from ecm.transport import IStreamTransport


class PacketReceiver(Protocol):
    """Calls ``packet_received`` for each packet that arrives; both methods are to be overridden."""

    transport: IStreamTransport

    def __init__(self, max_packet: int) -> None:
        self._decoder = PacketDecoder(max_packet)

    def dataReceived(self, data: bytes) -> None:
        try:
            for connection_id, content in self._decoder.feed(data):
                self.packet_received(connection_id, content)
        except PacketError as error:
            self.packet_error(error)

    def packet_received(self, connection_id: int, content: bytes) -> None:
        """Take one packet."""
        raise NotImplementedError

    def packet_error(self, error: PacketError) -> None:
        """The peer has sent what is no packet: nothing more can be read from it."""
        raise NotImplementedError
