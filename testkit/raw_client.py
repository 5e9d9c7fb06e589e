"""A client that sends bytes, and keeps what comes back."""

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from ecm.net.transport import IStreamTransport


class RawClient(Protocol):
    """Sends bytes and gathers what comes back."""

    transport: IStreamTransport

    def __init__(self, data: bytes) -> None:
        self.received = b""
        self._data = data
        # Fires with the first bytes that come.
        self.begun: Deferred[bytes] = Deferred()
        self.closed: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self._data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        if not self.begun.called:
            self.begun.callback(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(self.received)
