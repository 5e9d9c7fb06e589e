"""A factory of ECM's, served on a real port of 127.0.0.1 while a test runs."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.net.endpoints import server_endpoint


class Served(Factory):
    """Makes the protocols of another factory, and knows when the last connection has closed."""

    noisy = False

    def __init__(self, factory: Factory) -> None:
        self._factory = factory
        self._watched: dict[type, type] = {}
        self._open = 0
        self._all_closed: Deferred[None] | None = None

    def buildProtocol(self, addr: IAddress | None) -> Any:
        protocol: Any = self._factory.buildProtocol(addr)
        kind = type(protocol)
        if kind not in self._watched.values():  # it is, where a factory has one for all
            if kind not in self._watched:
                self._watched[kind] = self._watch(kind)
            protocol.__class__ = self._watched[kind]
        self._open += 1
        return protocol

    def _watch(self, kind: Any) -> type:
        """Return the class of protocols of a kind that say when they have lost the connection."""

        def lost(protocol: Any, reason: Failure) -> None:
            kind.connectionLost(protocol, reason)
            self._closed()

        return type(kind.__name__, (kind,), {"__slots__": (), "connectionLost": lost})

    def _closed(self) -> None:
        self._open -= 1
        if self._open == 0 and self._all_closed is not None:
            self._all_closed.callback(None)

    def all_closed(self) -> Deferred[None]:
        """Fires once no connection is open."""
        self._all_closed = Deferred()
        if self._open == 0:
            self._all_closed.callback(None)
        return self._all_closed


async def serve(
    test: TestCase, factory: Factory, endpoint: str = "tcp:0:interface=127.0.0.1"
) -> int:
    """Serve until the test ends, and its last client has gone. Returns the port.

    Where the endpoint has TLS, it is lean.
    """
    served = Served(factory)
    listening: Any = await server_endpoint(reactor, endpoint, lean=True).listen(served)
    test.addCleanup(served.all_closed)
    test.addCleanup(listening.stopListening)
    port: int = listening.getHost().port
    return port
