"""The stage before a connection from a proxy of bytes: the PROXY header, which tells the client."""

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger

from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.factory import FrontendFactory
from ecm.http.proxy_protocol import ProxyHeader, ProxyHeaderError, parse
from ecm.net.transport import peer_of, switch_protocol

_log = Logger()


class ProxyHeaderStage(ClientConnection):
    """Waits for the PROXY header, and lets the client's connection take its place.

    Until then it is not counted for an address, nor told what concerns open connections; but it is
    one of all that there may be, and has the timeout of a head.
    """

    __slots__ = ("_factory", "_received")

    def __init__(self, factory: FrontendFactory) -> None:
        super().__init__(factory.registry)
        self._factory = factory
        self._received = b""

    def connectionMade(self) -> None:
        self.registry.unproxied[self] = None
        self.registry.adopt(self)
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
            _log.warn(
                "PROXY header: {why}; aborting {peer}", why=error, peer=self.transport.getPeer()
            )
            self.transport.abortConnection()
            return
        if header is None:
            self.registry.budget.update(self)
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
        switch_protocol(self.transport, connection)
        if rest := self._received[header.size :]:
            connection.dataReceived(rest)


class ProxiedFactory(ServerFactory):
    """Makes the connections of a port on which each begins with a PROXY header."""

    noisy = False

    def __init__(self, factory: FrontendFactory) -> None:
        self._factory = factory

    def buildProtocol(self, addr: IAddress | None) -> ProxyHeaderStage | None:
        return ProxyHeaderStage(self._factory) if self._factory.can_reject else None
