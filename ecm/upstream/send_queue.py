"""Packets that wait while the transport takes no more: back-pressure from ejabberd."""

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ecm.link.events import Send
from ecm.link.packet import encode
from ecm.net.transport import IStreamTransport


@implementer(IPushProducer)
class SendQueue:
    """Sends at once, or keeps what the transport cannot take.

    ``congestion`` is called with True when the queue passes its high-water mark, ``max_queue``
    bytes, and with False when the transport has taken all of it.
    """

    def __init__(
        self, transport: IStreamTransport, max_queue: int, congestion: Callable[[bool], None]
    ) -> None:
        self._transport = transport
        self._max_queue = max_queue
        self._congestion = congestion
        self._packets: list[bytes] = []
        # Bytes that wait.
        self.size = 0
        self._paused = False
        self._congested = False

    def write(self, packet: bytes) -> None:
        """Send a packet, or keep it."""
        if not self._paused:
            self._transport.write(packet)
            return
        self._packets.append(packet)
        self.size += len(packet)
        if self.size > self._max_queue and not self._congested:
            self._congested = True
            self._congestion(True)

    def send(self, event: Send) -> None:
        """Send a packet of the link itself. A droppable one is not kept."""
        if not (event.droppable and self._paused):
            self.write(encode(event.id, event.content))

    def abort(self) -> None:
        """Close the connection at once, whatever waits."""
        self._transport.abortConnection()

    # From the transport.

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        packets, self._packets, self.size = self._packets, [], 0
        self._transport.writeSequence(packets)
        if self._congested:
            self._congested = False
            self._congestion(False)

    def stopProducing(self) -> None:
        """The connection has gone, as connectionLost will say."""
