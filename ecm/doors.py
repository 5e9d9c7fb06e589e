"""What becomes of a connection, by the endpoint that it came through.

The supervisor listens, and workers get the connections. What lies between a connection and the
protocol of a client, TLS for one, the endpoint alone knows: so a worker lets the endpoint listen,
on a reactor that takes note of the factory, and does not listen.
"""

from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure


class Door:
    """A ``--listen`` or ``--proxy-protocol`` endpoint.

    Keys are read when the door is made, and when it is tried. Raises whatever an endpoint raises.
    """

    def __init__(self, description: str) -> None:
        self._factory: IProtocolFactory | None = None
        # An endpoint for a socket of systemd's looks for that in the environment. It adds nothing.
        systemd = description.startswith("systemd:")
        self._endpoint = None if systemd else serverFromString(self, description)

    def factory(self, inner: IProtocolFactory) -> IProtocolFactory:
        """Return the factory for its connections, which has ``inner`` make clients' protocols."""
        if self._endpoint is None:
            return inner
        failures: list[Failure] = []
        self._endpoint.listen(inner).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()
        assert self._factory is not None
        return self._factory

    # What endpoints call of a reactor.

    def listenTCP(self, port: int, factory: IProtocolFactory, *_: Any, **__: Any) -> "Door":
        self._factory = factory
        return self

    def listenUNIX(self, path: str, factory: IProtocolFactory, *_: Any, **__: Any) -> "Door":
        self._factory = factory
        return self

    def listenSSL(
        self, port: int, factory: IProtocolFactory, contextFactory: Any, *_: Any, **__: Any
    ) -> "Door":
        from twisted.protocols.tls import TLSMemoryBIOFactory  # large, and not all need it

        self._factory = TLSMemoryBIOFactory(contextFactory, False, factory)
        return self
