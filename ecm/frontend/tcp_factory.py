"""The factories of connections for XMPP over TCP: with STARTTLS, with TLS at once, or without."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IAddress, IProtocol, IProtocolNegotiationFactory
from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from ecm.frontend.admission import Admission
from ecm.frontend.connection import ClientConnection
from ecm.frontend.ordering import ProxiedPeer
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.starttls import StartTlsConnection
from ecm.frontend.tcp import XMPP_CLIENT, TcpConnection, stream_id
from ecm.net.endpoints import IHasOwnTls, IKnowsItsDoor
from ecm.upstream.pool import UpstreamPool
from ecm.xmpp.errors import RESOURCE_CONSTRAINT, error, header

if TYPE_CHECKING:
    from ecm.net.tls import Door


@implementer(IProtocolNegotiationFactory, IHasOwnTls, IKnowsItsDoor)
class TcpFactory(ServerFactory):
    """Makes connections for XMPP, within the limits of all connections together."""

    noisy = False

    def __init__(
        self,
        admission: Admission,
        upstream: UpstreamPool,
        door: "Door | None" = None,
        is_asked_for: bool = False,
    ) -> None:
        """Without a ``door`` there is no TLS; otherwise at once, or where it ``is_asked_for``."""
        self.registry = admission.registry
        self.admission = admission
        self._upstream = upstream
        self._is_asked_for = is_asked_for
        # Returns the TLS in which a protocol speaks.
        self._tls: Callable[[IProtocol], IProtocol] | None = None
        if door is not None:
            self._tls = partial(door.over, door.factory(self))

    def behind(self, door: "Door") -> None:
        """Its connections come through a door of TLS."""
        self.admission.behind(door)

    def secured(self, door: "Door", is_asked_for: bool) -> "TcpFactory":
        """Return the factory of connections with TLS: from the start, or with STARTTLS."""
        return TcpFactory(self.admission, self._upstream, door, is_asked_for)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is spoken over TLS (ALPN, RFC 7301)."""
        return [XMPP_CLIENT]

    def buildProtocol(self, addr: IAddress | None) -> Any:
        connection = self.connection_of(getattr(addr, "host", ""))
        return None if connection is None else self.outermost(connection)

    def connection_of(
        self, address: str, peer: ProxiedPeer | None = None
    ) -> ClientConnection | None:
        """Return the protocol of a client at an address; None where it must be cut.

        ``peer`` is the client, where it is not at the other end of the socket.
        """

        def make() -> ClientConnection:
            if self._tls is not None and self._is_asked_for:
                return StartTlsConnection(self.registry, self._upstream, self._tls, peer)
            return TcpConnection(self.registry, self._upstream, peer)

        return self.admission.admit(
            address, make, lambda _: header(stream_id()) + error(RESOURCE_CONSTRAINT)
        )

    def outermost(self, connection: ClientConnection) -> IProtocol:
        """Return the protocol that has the transport of a connection: TLS, if that comes first."""
        if self._tls is None or self._is_asked_for:
            return connection
        return self._tls(connection)


@implementer(IHasOwnTls)
class ProxiedTcpFactory(ProxiedFactory):
    """Makes those that begin with a PROXY header. TLS comes behind it."""

    def __init__(self, factory: TcpFactory) -> None:
        super().__init__(factory)
        self._inner = factory

    def secured(self, door: "Door", is_asked_for: bool) -> "ProxiedTcpFactory":
        """Return the factory of connections with TLS: behind the header, or with STARTTLS."""
        return ProxiedTcpFactory(self._inner.secured(door, is_asked_for))
