"""A connection of a client that is one too many."""

from ecm.frontend.connection import ClientConnection
from ecm.frontend.registry import Registry
from ecm.http.cors import Cors
from ecm.http.response import CLOSE, service_unavailable


class RejectedConnection(ClientConnection):
    """Says why there is no place, and closes. It does not read requests."""

    __slots__ = ("_why",)

    def __init__(self, registry: Registry, why: str) -> None:
        super().__init__(registry)
        self._why = why

    def connectionMade(self) -> None:
        super().connectionMade()
        lines = self.registry.clock.date + Cors().lines(()) + CLOSE
        self.transport.write(service_unavailable(self._why, lines))
        self._half_close()

    def dataReceived(self, data: bytes) -> None:
        """Nothing counts any more."""
