"""A connection of a client that is one too many."""

from ecm.frontend import bosh_response as bosh
from ecm.frontend.connection import Connection, Connections
from ecm.http.cors import Cors
from ecm.http.response import CLOSE
from ecm.net.clock import CoarseClock


class RefusedClient(Connection):
    """Says why there is no place, and closes. What the client asks is not read."""

    __slots__ = ("_clock", "_why")

    def __init__(self, connections: Connections, clock: CoarseClock, why: str) -> None:
        super().__init__(connections)
        self._clock = clock
        self._why = why

    def connectionMade(self) -> None:
        super().connectionMade()
        lines = self._clock.date + Cors().lines(()) + CLOSE
        self.transport.write(bosh.unavailable(self._why, lines))
        self._shut()

    def dataReceived(self, data: bytes) -> None:
        """Nothing counts any more."""
