"""The writing side of a connection: bytes to the client, and whether it takes them.

A pull producer is registered while bytes wait in the transport, which asks it for more once all of
them are sent: the transport below TLS, if there is TLS. That takes what it is given, and would ask
for more before anything is sent.
"""

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.frontend.connection import Phase
from ecm.frontend.handshaking import TlsConnection
from ecm.frontend.registry import Registry
from ecm.limits import LOOK_AFTER, MAX_UNSENT, SEND_SIZE
from ecm.net.transport import WriteNow, underlying, unsent, write_now_of


@implementer(IPullProducer)
class SendingConnection(TlsConnection):
    """A connection that sends past the transport's buffer, as long as nothing waits there."""

    __slots__ = ("_sent", "_write_blocked", "_write_now")

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        # How what is sent goes to the kernel at once, if it may.
        self._write_now: WriteNow | None = None
        # Units of 256 bytes sent since the acknowledgements of the client were last watched. Python
        # has one object for each number that is so small.
        self._sent = 0
        # Whether bytes wait in the transport until the client reads.
        self._write_blocked = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._write_now = write_now_of(self.transport)

    def handshakeCompleted(self) -> None:
        super().handshakeCompleted()
        self._write_now = write_now_of(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._write_blocked = False

    @property
    def idle_deadline(self) -> float:
        return 0 if self.transport in self.registry.ack_timeout else super().idle_deadline

    @property
    def held(self) -> int:
        waiting = unsent(self.transport) if self._write_blocked else 0
        return waiting + super().held

    @property
    def is_sending(self) -> bool:
        return self._write_blocked and unsent(self.transport) > 0

    def _send(self, data: bytes) -> None:
        self._sent += 1 + (len(data) >> 8)
        if self._sent > LOOK_AFTER:
            self._sent = 0
            self.registry.ack_timeout.watch(self.transport)
        if self._write_now is not None and not self._write_blocked:
            waiting = self._write_now(self.transport, data)
        else:
            self.transport.write(data)
            waiting = len(data)
        if waiting:
            self._await_sent(waiting)

    def _send_part(self, data: bytes) -> None:
        """Send a part of a response, of which the next waits until all of this one is sent.

        It goes through the buffer: for a client that reads as fast as ECM sends, part after part
        would be sent in one iteration of the reactor.
        """
        self.registry.ack_timeout.watch(self.transport)
        self.transport.write(data)
        self._await_sent(len(data))
        self.deadline = self.registry.deadlines[Phase.SENDING]

    def _await_sent(self, size: int) -> None:
        """Give the client its time to take so many bytes, which wait in the transport."""
        was_blocked = self._write_blocked
        if not was_blocked:
            underlying(self.transport).registerProducer(self, False)
            self._write_blocked = True
        if self.phase != Phase.HALF_CLOSED:
            self._enter(Phase.SENDING)
        if not was_blocked or self.phase == Phase.HALF_CLOSED:
            self.deadline = self.registry.deadlines[Phase.SENDING]
        self.deadline += size // SEND_SIZE * self.registry.settings.send_timeout

    def _is_behind(self) -> bool:
        """Return whether ECM must stop reading from the client until it takes what waits for it."""
        return unsent(self.transport) > MAX_UNSENT

    def _all_sent(self) -> None:
        """Nothing waits in the transport any more."""

    def resumeProducing(self) -> None:
        if self._write_blocked:  # otherwise it is the first time, when the producer is registered
            self._write_blocked = False
            underlying(self.transport).unregisterProducer()
            self._all_sent()

    def stopProducing(self) -> None:
        """The connection has gone, as connectionLost will say."""
