"""A connection on which answers are sent, and which knows whether the client takes them.

Bytes that wait in the transport are noticed by means of a pull producer, which is asked for more
once all of them are gone.
"""

from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from ecm.frontend.connection import Connection, Connections, Phase
from ecm.limits import LOOK_AFTER, MAX_UNSENT, SEND_SIZE
from ecm.net.transport import has_plain_socket, send_now, unsent


@implementer(IPullProducer)
class SendingConnection(Connection):
    """Sends past the transport's queue, as long as nothing waits there."""

    __slots__ = ("_direct", "_sent", "_unsent")

    def __init__(self, connections: Connections) -> None:
        super().__init__(connections)
        # Whether answers may go past the queue, as nothing else is written.
        self._direct = False
        # What was sent since it was last looked at whether it is taken, in units of 256 bytes; it
        # is so little that Python has the number already.
        self._sent = 0
        # Whether the client has yet to take what it was sent.
        self._unsent = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._direct = has_plain_socket(self.transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self._unsent = False

    @property
    def idle_until(self) -> float:
        return 0 if self in self._connections.ack_timeout else super().idle_until

    def _send(self, data: bytes) -> None:
        self._sent += 1 + (len(data) >> 8)
        if self._sent > LOOK_AFTER:
            self._sent = 0
            self._connections.ack_timeout.watch(self)
        if self._direct and not self._unsent:
            data = send_now(self.transport, data)
        if data:
            self.transport.write(data)
            self._await_taking(len(data))

    def _await_taking(self, size: int) -> None:
        """Give the client its time to take so many bytes, which wait in the transport."""
        if not self._unsent:
            self._wire.registerProducer(self, False)
            self._unsent = True
        if self._phase == Phase.LEAVING:
            self.deadline = self._connections.deadlines[Phase.TAKING]
        else:
            self._enter(Phase.TAKING)
        self.deadline += size // SEND_SIZE * self._connections.send_timeout

    def _is_behind(self) -> bool:
        """Whether much waits that the client does not take."""
        return unsent(self.transport) > MAX_UNSENT

    def _all_taken(self) -> None:
        """The client has taken what waited."""

    def resumeProducing(self) -> None:
        if self._unsent:  # else it is the first time, which is when the producer is registered
            self._stop_waiting()
            self._direct = has_plain_socket(self.transport)
            self._all_taken()

    def stopProducing(self) -> None:
        """The connection has gone, as connectionLost will say."""

    def _stop_waiting(self) -> None:
        self._unsent = False
        self._wire.unregisterProducer()
