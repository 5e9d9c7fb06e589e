"""Look-ups in the DNS: the endpoints of the nodes that a name stands for at present."""

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from zope.interface import implementer

from ecm.upstream.names import NodeName, is_host

# Looks up SRV records: (answers, authority, additional), as twisted.names has them.
LookupService = Callable[[str], Deferred[Any]]


class LookupFailed(Exception):
    """The name has no nodes at present, or nobody knows. The text says why."""


@implementer(IResolutionReceiver)
class _Addresses:
    """Collects the addresses of a host, and fires ``found`` with them."""

    def __init__(self) -> None:
        self.found: Deferred[list[str]] = Deferred()
        self._addresses: list[str] = []

    def resolutionBegan(self, resolution: IHostResolution) -> None:
        """They follow."""

    def addressResolved(self, address: IAddress) -> None:
        host = getattr(address, "host", None)
        if host is not None and host not in self._addresses:
            self._addresses.append(host)

    def resolutionComplete(self) -> None:
        self.found.callback(self._addresses)


class Lookup:
    """Asks the system for addresses, and name servers for SRV records."""

    def __init__(self, resolver: IHostnameResolver, service: LookupService | None = None) -> None:
        """Without ``service`` the name servers of the system are asked."""
        self._resolver = resolver
        self._service = service

    async def endpoints(self, name: NodeName) -> list[str]:
        """Return the endpoints of all nodes. Raises LookupFailed."""
        targets = await self._targets(name.host) if name.is_srv else [(name.host, name.port)]
        found = [
            name.endpoint(host, address, port)
            for host, port in targets
            for address in await self._addresses(host)
        ]
        if not found:
            hosts = ", ".join(sorted({host for host, _ in targets}))
            raise LookupFailed(f"no address of {hosts} is known")
        return sorted({*found})

    async def _addresses(self, host: str) -> list[str]:
        receiver = _Addresses()
        self._resolver.resolveHostName(receiver, host)
        return await receiver.found

    async def _targets(self, name: str) -> Sequence[tuple[str, int]]:
        """Return hosts and ports: those of the first priority (RFC 2782), whatever their weight.

        Which node takes how much is said by the load that nodes tell.
        """
        if self._service is None:
            self._service = _service_of_system()
        try:
            answers, _, _ = await self._service(name)
        except Exception as error:  # whatever twisted.names raises
            why = str(error) or type(error).__name__
            raise LookupFailed(f"no SRV records of {name}: {why}") from None
        records = [each.payload for each in answers if hasattr(each.payload, "priority")]
        first = min((record.priority for record in records), default=0)
        targets = [
            (record.target.name.decode("ascii", "replace").rstrip("."), record.port)
            for record in records
            if record.priority == first
        ]
        usable = [target for target in targets if is_host(target[0])]
        if not usable:  # a target "." says that there is no service
            raise LookupFailed(f"{name} has no SRV records of hosts")
        return usable


def _service_of_system() -> LookupService:
    """Return what asks the system's name servers. It is imported where it is needed: few do."""
    from twisted.names.client import Resolver

    lookup: LookupService = Resolver(resolv="/etc/resolv.conf").lookupService
    return lookup
