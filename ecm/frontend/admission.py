"""Admission: whether there is a place for a new connection, and at whose expense."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ecm.frontend.connection import ClientConnection
from ecm.frontend.eviction import Eviction
from ecm.frontend.registry import Registry
from ecm.frontend.rejected import RejectedConnection
from ecm.limits import MAX_REJECTED
from ecm.log.faults import Fault
from ecm.net.transport import unmapped

if TYPE_CHECKING:
    from ecm.net.tls import Door

TOO_MANY = "There are too many connections"
TOO_MANY_OF_YOURS = "There are too many connections from your address"

_COUNTED_AS: Final = {TOO_MANY: "limit", TOO_MANY_OF_YOURS: "address"}


class Admission:
    """The limits of all connections together, whatever they speak, at one door or at all."""

    def __init__(
        self, registry: Registry, door: str = "", eviction: Eviction | None = None
    ) -> None:
        self.registry = registry
        self._door = door
        self._eviction = eviction or Eviction(registry)

    def at(self, door: str) -> "Admission":
        """Return the admission at an endpoint, for which connections are counted."""
        return Admission(self.registry, door, self._eviction)

    def behind(self, door: "Door") -> None:
        """The connections at this endpoint come through a door of TLS."""
        self.registry.doors[self._door] = door

    def admit(
        self,
        address: str,
        make: Callable[[], ClientConnection],
        rejection: Callable[[str], bytes],
    ) -> ClientConnection | None:
        """Return the protocol for a connection from an address; None where it must be cut.

        An address of IPv4 counts as one, also on a port for both families. The protocol is what
        ``make`` makes, or one that says no with the bytes of ``rejection``.
        """
        address = unmapped(address)
        self.registry.metrics.accepted[self._door] += 1
        why = self._rejection_reason(address)
        if why is not None:
            self.registry.metrics.refused[_COUNTED_AS[why]] += 1
            self.registry.faults.add(Fault.CONNECTION, why, address)
            return self._reject(rejection(why)) if self.can_reject else None
        connection = make()
        if self.registry.settings.max_connections_per_address:
            self.registry.addresses.add(connection, address)
        return connection

    @property
    def is_full(self) -> bool:
        """True when there are as many connections as there may be."""
        return 0 < self.registry.settings.max_connections <= len(self.registry)

    @property
    def evictable(self) -> int:
        """The number of connections that would make way for new ones, found by a search."""
        return self._eviction.candidates

    @property
    def can_reject(self) -> bool:
        """True if one more connection would be told why there is no place, and not be reset."""
        maximum = self.registry.settings.max_connections
        beyond = max(0, len(self.registry) - maximum) if maximum else 0
        return beyond + len(self.registry.rejected) < MAX_REJECTED

    def _rejection_reason(self, address: str) -> str | None:
        """Return why there is no place for a connection; evict another one for it, if need be."""
        maximum = self.registry.settings.max_connections_per_address
        if 0 < maximum <= self.registry.addresses[address]:
            return TOO_MANY_OF_YOURS
        if self.registry.room.is_crowded and self._eviction.evict():
            return None
        return TOO_MANY if self.is_full and not self._eviction.evict_closing() else None

    def _reject(self, answer: bytes) -> ClientConnection:
        rejected = RejectedConnection(self.registry, answer)
        self.registry.rejected[rejected] = None
        return rejected
