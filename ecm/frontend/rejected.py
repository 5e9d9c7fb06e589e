"""A connection of a client that is one too many."""

from twisted.internet.interfaces import ISSLTransport

from ecm.frontend.handshaking import TlsConnection
from ecm.frontend.registry import Registry


class RejectedConnection(TlsConnection):
    """Says that there is no place, and closes. It does not read requests."""

    __slots__ = ("_answer",)

    def __init__(self, registry: Registry, answer: bytes) -> None:
        super().__init__(registry)
        self._answer = answer

    def connectionMade(self) -> None:
        super().connectionMade()
        if ISSLTransport.providedBy(self.transport):
            self.shake_hands()
        self.transport.write(self._answer)
        self._half_close()

    def dataReceived(self, data: bytes) -> None:
        """Nothing counts any more."""
