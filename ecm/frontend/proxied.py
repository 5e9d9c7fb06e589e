"""Connections that come through a proxy of bytes, which tells first whose they are."""

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from ecm.frontend.connection import Connection, Phase
from ecm.frontend.factory import ClientFactory
from ecm.http.proxy_protocol import ProxyHeader, ProxyHeaderError, parse
from ecm.net.transport import switch_protocol

_log = Logger()


class ProxiedProtocol(Connection):
    """Waits for the PROXY header, and hands the connection over to a client's protocol."""

    __slots__ = ("_clients", "_received")

    def __init__(self, clients: ClientFactory) -> None:
        super().__init__(clients)
        self._clients = clients
        self._received = b""

    def connectionMade(self) -> None:
        super().connectionMade()
        self._enter(Phase.HEAD)

    def drain(self) -> None:
        """The header, and a request behind it, may be on their way: they get a second."""
        self.deadline = min(self.deadline, self._clients.clock.now + 1)

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        try:
            header = parse(self._received)
        except ProxyHeaderError as error:
            _log.warn("connection cut, {error}: {peer}", error=error, peer=self.transport.getPeer())
            self.transport.abortConnection()
            return
        if header is not None:
            self._hand_over(header)

    def _hand_over(self, header: ProxyHeader) -> None:
        self._connections.closed(self)
        address = header.source[0] if header.source else self.transport.getPeer().host
        client = self._clients.connection_of(address, header.source)
        if client is None:
            self.transport.abortConnection()
            return
        switch_protocol(self.transport, client)
        if rest := self._received[header.size :]:
            client.dataReceived(rest)


class ProxiedFactory(ServerFactory):
    """Makes the protocols of a port on which each connection begins with a PROXY header."""

    noisy = False

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients

    def buildProtocol(self, addr: IAddress | None) -> ProxiedProtocol | None:
        return ProxiedProtocol(self._clients) if self._clients.may_be_told else None
