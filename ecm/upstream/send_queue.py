"""The send queue of a link, which outlives its connections: back-pressure from ejabberd."""

from collections.abc import Callable

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from ecm.limits import ACK_BYTES, MAX_GATHERED, MAX_QUEUE_AGE
from ecm.link.numbering import Outbox
from ecm.link.packet import LINK_ID, encode
from ecm.net.batch import AtEnd, at_once
from ecm.net.transport import IStreamTransport, write_through


@implementer(IPushProducer)
class SendQueue:
    """Gathers the packets of a turn and sends them in one piece, or keeps what must wait.

    With ``keeps`` it also keeps what ejabberd has not acknowledged. It is full above its high-water
    mark, ``max_queue`` bytes, or once its oldest packet is some seconds old. ``congestion`` is
    called with True then, and with False at its low-water mark. Until it is attached to a
    transport, and again after that one has ended, everything waits.
    """

    _transport: IStreamTransport

    def __init__(
        self,
        max_queue: int,
        congestion: Callable[[bool], None],
        keeps: bool,
        at_end: AtEnd = at_once,
    ) -> None:
        self.outbox = Outbox()
        self._keeps = keeps
        self._at_end = at_end
        # While packets are gathered, the size of the outbox above which they go; 0 otherwise.
        self._enough = 0
        # ejabberd leaves a little unacknowledged that it has read.
        self._high_water = max_queue + 2 * ACK_BYTES if keeps else max_queue
        self._low_water = self._high_water // 2
        self._congestion = congestion
        self._is_attached = False
        self.is_paused = True
        self.is_full = False
        # Seconds that the oldest packet has waited.
        self.age = 0.0

    # From the link.

    def attach(self, transport: IStreamTransport) -> int:
        """Send over a connection from now on, first what ejabberd has not got of the one before.

        Returns the number of packets that are sent again.
        """
        again = len(self.outbox.sent)
        self._transport = transport
        self._is_attached = True
        self.age = 0.0
        self.outbox.rewind()
        transport.registerProducer(self, True)
        self.resumeProducing()
        return again

    def detach(self) -> None:
        """The connection ends: everything waits for the next one."""
        if self._is_attached:
            self._send()
            self._is_attached = False
            self.is_paused = True
            self._transport.unregisterProducer()  # otherwise it would not close while it is full

    def write(self, packet: bytes) -> None:
        """Send a packet with the others of its turn, or keep it."""
        outbox = self.outbox
        outbox.waiting.append(packet)
        outbox.size += len(packet)
        if outbox.size <= self._enough:
            return
        if self._enough:
            self._send()
        else:
            self._enough = outbox.size + MAX_GATHERED
            self._at_end(self._send)

    def say(self, content: bytes) -> None:
        """Send a message about the link itself, before what waits; none without a connection."""
        if self._is_attached:
            self._transport.write(encode(LINK_ID, content))

    def acknowledge(self, number: int) -> bool:
        """Forget packets up to a number. Returns whether ejabberd can have them."""
        is_right = self.outbox.acknowledge(number)
        self._relieve()
        return is_right

    def abort(self) -> None:
        """Close the connection at once, whatever waits."""
        if self._is_attached:
            self._transport.abortConnection()

    # From the clock.

    def tick(self, now: float) -> None:
        """Look how old the oldest packet is, while there is a connection that should take it."""
        if not self._is_attached:
            return
        self.age = self.outbox.age(now)
        if self.age >= MAX_QUEUE_AGE and not self.is_full:
            self._set_full(True)
        self._relieve()

    def _relieve(self) -> None:
        is_young = not self.outbox.size or self.age < MAX_QUEUE_AGE / 2
        if self.is_full and is_young and self.outbox.size <= self._low_water:
            self._set_full(False)

    def _set_full(self, full: bool) -> None:
        self.is_full = full
        self._congestion(full)

    def _send(self) -> None:
        """The turn ends, or enough is gathered: give it to the transport, or let it wait."""
        self._enough = 0
        if not self.is_paused:
            packets = self.outbox.take_waiting(self._keeps)
            if packets:
                write_through(self._transport, b"".join(packets))
        if self.outbox.size > self._high_water and not self.is_full:
            self._set_full(True)

    # From the transport.

    def pauseProducing(self) -> None:
        self.is_paused = True

    def resumeProducing(self) -> None:
        if not self._is_attached:
            return
        self.is_paused = False
        self._send()
        self._relieve()

    def stopProducing(self) -> None:
        """The connection has gone, as connectionLost will say."""
