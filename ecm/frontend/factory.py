"""The factory of clients' connections: which are admitted, and at whose expense."""

from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory, IPushProducer
from twisted.internet.protocol import ServerFactory
from zope.interface import implementer

from ecm.frontend.connection import ClientConnection
from ecm.frontend.eviction import Eviction
from ecm.frontend.http import HTTPConnection
from ecm.frontend.ordering import ProxiedPeer
from ecm.frontend.registry import Registry
from ecm.frontend.rejected import RejectedConnection
from ecm.limits import MAX_REJECTED

TOO_MANY = "There are too many connections"
TOO_MANY_OF_YOURS = "There are too many connections from your address"


@implementer(IProtocolNegotiationFactory, IPushProducer)
class FrontendFactory(ServerFactory):
    """Makes clients' connections, within their limits. To upstream it produces requests."""

    noisy = False

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._eviction = Eviction(registry)

    def __len__(self) -> int:
        """The number of connections, but for those that are rejected."""
        return len(self.registry)

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is spoken over TLS (ALPN, RFC 7301).

        Without an answer, Twisted would give browsers an empty one, on which OpenSSL 4 hangs up.
        """
        return [b"http/1.1"]

    # New connections.

    def buildProtocol(self, addr: IAddress | None) -> ClientConnection | None:
        return self.connection_of(getattr(addr, "host", ""))

    def connection_of(
        self, address: str, peer: ProxiedPeer | None = None
    ) -> ClientConnection | None:
        """Return the protocol for a connection from an address; None where it must be cut.

        ``peer`` is the client, where it is not at the other end of the socket.
        """
        why = self._rejection_reason(address)
        if why is not None:
            return self._reject(why)
        connection = HTTPConnection(self.registry, peer)
        if self.registry.settings.max_connections_per_address:
            self.registry.addresses.add(connection, address)
        return connection

    def _rejection_reason(self, address: str) -> str | None:
        """Return why there is no place for a connection; evict another one for it, if need be."""
        maximum = self.registry.settings.max_connections_per_address
        if 0 < maximum <= self.registry.addresses[address]:
            return TOO_MANY_OF_YOURS
        if self.registry.room.is_crowded and self._eviction.evict():
            return None
        return TOO_MANY if self.is_full and not self._eviction.evict_closing() else None

    @property
    def is_full(self) -> bool:
        """True when there are as many connections as there may be."""
        return 0 < self.registry.settings.max_connections <= len(self)

    @property
    def evictable(self) -> int:
        """The number of connections that would make way for new ones, found by a search."""
        return self._eviction.candidates

    @property
    def can_reject(self) -> bool:
        """True if one more connection would get a 503, and not be reset at once."""
        maximum = self.registry.settings.max_connections
        beyond = max(0, len(self) - maximum) if maximum else 0
        return beyond + len(self.registry.rejected) < MAX_REJECTED

    def _reject(self, why: str) -> ClientConnection | None:
        if not self.can_reject:
            return None
        rejected = RejectedConnection(self.registry, why)
        self.registry.rejected[rejected] = None
        return rejected

    # Called by upstream.

    def pauseProducing(self) -> None:
        """Read no more requests."""
        self.registry.set_reading(False)

    def resumeProducing(self) -> None:
        """Read requests again."""
        self.registry.set_reading(True)

    def stopProducing(self) -> None:
        """Produce no requests any more. Connections are drained, which does the same."""
