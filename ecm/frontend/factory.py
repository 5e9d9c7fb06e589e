"""The factory of clients' connections for HTTP, and upstream's producer."""

from typing import TYPE_CHECKING

from twisted.internet.interfaces import (
    IAddress,
    IProtocol,
    IProtocolNegotiationFactory,
    IPushProducer,
)
from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from ecm.frontend.admission import Admission
from ecm.frontend.connection import ClientConnection
from ecm.frontend.http import HTTPConnection
from ecm.frontend.ordering import ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.http.cors import Cors
from ecm.http.response import CLOSE, service_unavailable
from ecm.net.endpoints import IKnowsItsDoor

if TYPE_CHECKING:
    from ecm.net.tls import Door


@implementer(IKnowsItsDoor, IProtocolNegotiationFactory, IPushProducer)
class FrontendFactory(ServerFactory):
    """Makes clients' connections, within their limits. To upstream it produces requests.

    ``admission`` is that of all connections, also those that other factories make.
    """

    noisy = False

    def __init__(self, registry: Registry, admission: Admission | None = None) -> None:
        self.registry = registry
        self.admission = admission or Admission(registry)

    def at(self, door: str) -> "FrontendFactory":
        """Return the factory of the connections at an endpoint."""
        return FrontendFactory(self.registry, self.admission.at(door))

    def __len__(self) -> int:
        """The number of connections, but for those that are rejected."""
        return len(self.registry)

    def behind(self, door: "Door") -> None:
        """Its connections come through a door of TLS."""
        self.admission.behind(door)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is spoken over TLS (ALPN, RFC 7301).

        Without an answer, Twisted would give browsers an empty one, on which OpenSSL 4 hangs up.
        """
        return [b"http/1.1", *self.registry.routes.by_protocol]

    # New connections.

    def buildProtocol(  # type: ignore[override]  # it has no attribute ``factory``
        self, addr: IAddress | None
    ) -> ClientConnection | None:
        return self.connection_of(getattr(addr, "host", ""))

    def connection_of(
        self, address: str, peer: ProxiedPeer | None = None
    ) -> ClientConnection | None:
        """Return the protocol for a connection from an address; None where it must be cut.

        ``peer`` is the client, where it is not at the other end of the socket.
        """
        return self.admission.admit(
            address, lambda: HTTPConnection(self.registry, peer), self._service_unavailable
        )

    def outermost(self, connection: ClientConnection) -> IProtocol:
        """Return the protocol that has the transport of a connection: itself, without TLS."""
        return connection

    def _service_unavailable(self, why: str) -> bytes:
        return service_unavailable(why, self.registry.clock.date + Cors().lines(()) + CLOSE)

    # Called by upstream.

    def pauseProducing(self) -> None:
        """Read no more requests."""
        self.registry.set_reading(False)

    def resumeProducing(self) -> None:
        """Read requests again."""
        self.registry.set_reading(True)

    def stopProducing(self) -> None:
        """Produce no requests any more. Connections are drained, which does the same."""
