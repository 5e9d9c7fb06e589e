"""The stage before a connection from a proxy of bytes: the PROXY header, which tells the client."""

from typing import TYPE_CHECKING, Protocol

from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    ISSLTransport,
)
from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from ecm.frontend.admission import Admission
from ecm.frontend.blame import blame
from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.ordering import ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.http.proxy_protocol import ProxyHeader, ProxyHeaderError, parse
from ecm.log.faults import Fault
from ecm.net.endpoints import IKnowsItsDoor
from ecm.net.transport import peer_of, switch_protocol

if TYPE_CHECKING:
    from ecm.net.tls import Door


class Admitting(Protocol):
    """A factory of clients' connections, which says whether there is a place for one."""

    registry: Registry
    admission: Admission

    def connection_of(
        self, address: str, peer: ProxiedPeer | None = None
    ) -> ClientConnection | None:
        """Return the protocol of a client at an address; None where it must be cut."""

    def outermost(self, connection: ClientConnection) -> IProtocol:
        """Return the protocol that has the transport of a connection: itself, or TLS."""


class ProxyHeaderStage(ClientConnection):
    """Waits for the PROXY header, and lets the client's connection take its place.

    Until then it is not counted for an address, nor told what concerns open connections; but it is
    one of all that there may be, and has the timeout of a head.
    """

    __slots__ = ("_factory", "_received")

    def __init__(self, factory: Admitting) -> None:
        super().__init__(factory.registry)
        self._factory = factory
        self._received = b""

    def connectionMade(self) -> None:
        self.registry.unproxied[self] = None
        self.registry.sockets.add(self.transport)
        self._enter(Phase.HEAD)

    @property
    def held(self) -> int:
        return len(self._received)

    def drain(self) -> None:
        """The header, and a request behind it, may be on their way: they get a second."""
        self.deadline = min(self.deadline, self.registry.clock.now + 1)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        try:
            header = parse(self._received)
        except ProxyHeaderError as error:
            self.registry.metrics.proxy_headers += 1
            blame(self, Fault.PROXY, str(error))
            self.transport.abortConnection()
            return
        if header is None:
            self.registry.count_held(self)
        else:
            self._hand_over(header)

    def _hand_over(self, header: ProxyHeader) -> None:
        is_leaving = self in self.registry.leaving
        self.registry.forget(self)
        address = (header.source or peer_of(self.transport))[0]
        connection = self._factory.connection_of(address, header.source)
        if connection is None:
            self.transport.abortConnection()
            return
        if is_leaving:
            self.registry.leaving[connection] = None
        protocol = self._factory.outermost(connection)
        is_within_tls = ISSLTransport.providedBy(self.transport)
        switch_protocol(self.transport, protocol)
        if is_within_tls and IHandshakeListener.providedBy(connection):
            connection.handshakeCompleted()  # it was the proxy's
        if rest := self._received[header.size :]:
            if not is_within_tls and self.registry.sockets.put_back(self.transport, rest):
                self.registry.count_held(connection)
            else:
                protocol.dataReceived(rest)


@implementer(IKnowsItsDoor)
class ProxiedFactory(ServerFactory):
    """Makes the connections of a port on which each begins with a PROXY header."""

    noisy = False

    def __init__(self, factory: Admitting) -> None:
        self._factory = factory

    def behind(self, door: "Door") -> None:
        """Its connections come through a door of TLS."""
        self._factory.admission.behind(door)

    def buildProtocol(  # type: ignore[override]  # it has no attribute ``factory``
        self, addr: IAddress | None
    ) -> ProxyHeaderStage | None:
        return ProxyHeaderStage(self._factory) if self._factory.admission.can_reject else None
