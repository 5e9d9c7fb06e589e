"""A resolver of host names that knows a few, and answers at once."""

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver
from zope.interface import implementer

HOSTS: dict[str, Sequence[IAddress]] = {
    "one.example": [IPv4Address("TCP", "192.0.2.1", 0), IPv6Address("TCP", "2001:db8::1", 0)],
    "two.example": [IPv4Address("TCP", "192.0.2.2", 0), IPv4Address("TCP", "192.0.2.2", 0)],
}


@implementer(IHostnameResolver)
class Hosts:
    """As IHostnameResolver has it, for HOSTS."""

    def resolveHostName(
        self,
        resolutionReceiver: Any,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> Any:
        resolutionReceiver.resolutionBegan(None)
        for address in HOSTS.get(hostName, ()):
            resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
