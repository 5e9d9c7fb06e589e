"""Connections of an HTTP client that are about to be open when a test ends."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer


@implementer(IAgentEndpointFactory)
class SettlingEndpoints:
    """Connects from an address. The end of a test waits for what is about to be open."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.connecting: list[Deferred[None]] = []

    def endpointForURI(self, uri: URI) -> "_SettlingEndpoint":
        host = uri.host.decode("ascii")
        return _SettlingEndpoint(
            HostnameEndpoint(reactor, host, uri.port, bindAddress=(self._address, 0)), self
        )

    async def settled(self) -> None:
        """Wait until each connection is open, or has failed."""
        while self.connecting:
            await self.connecting[0]


@implementer(IStreamClientEndpoint)
class _SettlingEndpoint:
    def __init__(self, endpoint: HostnameEndpoint, endpoints: SettlingEndpoints) -> None:
        self._endpoint = endpoint
        self._endpoints = endpoints

    def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
        settled: Deferred[None] = Deferred()
        self._endpoints.connecting.append(settled)
        return self._endpoint.connect(factory).addBoth(self._settle, settled)

    def _settle(self, result: object, settled: Deferred[None]) -> object:
        self._endpoints.connecting.remove(settled)
        settled.callback(None)
        return result
