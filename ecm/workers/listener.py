"""What becomes of a connection, by the endpoint that it came through.

The supervisor listens, and workers get the connections. What lies between a connection and the
protocol of a client, TLS for one, the endpoint alone knows: so a worker lets the endpoint listen,
on a reactor that takes note of the factory, and does not listen.
"""

from collections.abc import Callable
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import ServerFactory
from twisted.python.failure import Failure


class Door:
    """A ``--listen`` or ``--proxy-protocol`` endpoint. Raises whatever endpoints raise.

    Keys are read when it is made; and for all workers at once, if it is made before there are any.
    """

    def __init__(self, description: str) -> None:
        self._make: Callable[[], IProtocolFactory] | None = None
        # An endpoint for a socket of systemd's looks for that in the environment. It adds nothing.
        systemd = description.startswith("systemd:")
        self._endpoint = None if systemd else serverFromString(self, description)
        if description.startswith("ssl:"):
            self._listen(ServerFactory())

    def factory(self, inner: IProtocolFactory) -> IProtocolFactory:
        """Return the factory for its connections, which has ``inner`` make clients' protocols."""
        if self._endpoint is None:
            return inner
        self._listen(inner)
        assert self._make is not None
        return self._make()

    def _listen(self, inner: IProtocolFactory) -> None:
        assert self._endpoint is not None
        failures: list[Failure] = []
        self._endpoint.listen(inner).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()

    # What endpoints call of a reactor.

    def listenTCP(self, port: int, factory: IProtocolFactory, *_: Any, **__: Any) -> "Door":
        self._make = lambda: factory
        return self

    def listenUNIX(self, path: str, factory: IProtocolFactory, *_: Any, **__: Any) -> "Door":
        self._make = lambda: factory
        return self

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, *_: Any, **__: Any
    ) -> "Door":
        contextFactory.getContext()  # which keeps it

        def make() -> IProtocolFactory:
            from twisted.protocols.tls import TLSMemoryBIOFactory  # large, and not all need it

            made: IProtocolFactory = TLSMemoryBIOFactory(contextFactory, False, factory)
            return made

        self._make = make
        return self
