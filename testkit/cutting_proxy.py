"""A proxy on the way of a link, which cuts, silences and refuses connections, for tests."""

from typing import cast

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.net.transport import IStreamTransport

HOST = "127.0.0.1"


class _End(Protocol):
    """One end of a connection through the proxy; what comes early waits for the other end."""

    transport: IStreamTransport

    def __init__(self, proxy: "CuttingProxy") -> None:
        self._proxy = proxy
        self._early: list[bytes] = []
        self._other: _End | None = None

    def join(self, other: "_End") -> None:
        self._other = other
        other.transport.writeSequence(self._early)

    def dataReceived(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._proxy.passed(len(data))
            self._other.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._proxy.lost(self)
        if self._other is not None:
            self._other.transport.loseConnection()

    def cut(self, abort: bool) -> None:
        (self.transport.abortConnection if abort else self.transport.loseConnection)()


class CuttingProxy(Factory):
    """Passes connections on to a port. ``cut_after`` bytes, once set, it resets them.

    ``cuts`` counts how often they were.
    """

    noisy = False

    def __init__(self, port: int) -> None:
        self._port = port
        # Of those from ECM, and of those to ejabberd.
        self._clients: list[_End] = []
        self._servers: list[_End] = []
        self._listening: IListeningPort | None = None
        self.cut_after: int | None = None
        self.cuts = 0

    async def listen(self, test: TestCase) -> int:
        """Listen until the test ends, and return the port."""
        await self.accept(0)
        test.addCleanup(self.close)
        return self.port

    @property
    def port(self) -> int:
        """The port at which it listens."""
        assert self._listening is not None
        port: int = self._listening.getHost().port  # type: ignore[attr-defined]
        return port

    async def refuse(self) -> int:
        """Reset the connections, and refuse others. Returns the port, for ``accept``."""
        port = self.port
        await self.close()
        return port

    async def accept(self, port: int) -> None:
        """Accept connections."""
        endpoint = TCP4ServerEndpoint(reactor, port, interface=HOST)
        self._listening = cast(IListeningPort, await endpoint.listen(self))

    async def close(self) -> None:
        self.cut()
        listening, self._listening = self._listening, None
        if listening is not None and (stopped := listening.stopListening()):
            await stopped

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        client, server = _End(self), _End(self)
        self._clients.append(client)
        self._servers.append(server)
        connected = connectProtocol(TCP4ClientEndpoint(reactor, HOST, self._port), server)
        connected.addCallback(client.join)
        connected.addCallback(lambda _: server.join(client))
        connected.addErrback(lambda _: client.transport.abortConnection())
        return client

    def lost(self, end: _End) -> None:
        """One end of a connection is closed."""
        for ends in (self._clients, self._servers):
            if end in ends:
                ends.remove(end)

    def silence(self, to_ejabberd: bool, to_ecm: bool) -> None:
        """Pass nothing on in these directions, of the connections that are there."""
        for is_silent, ends in ((to_ejabberd, self._clients), (to_ecm, self._servers)):
            for end in ends if is_silent else ():
                if end.transport is not None:  # one that is being connected is passed on as ever
                    end.transport.pauseProducing()

    def go_on(self) -> None:
        """Pass everything on again, and what has waited."""
        for end in (*self._clients, *self._servers):
            end.transport.resumeProducing()

    def passed(self, size: int) -> None:
        """So many bytes go through: cut, if those are enough."""
        if self.cut_after is not None:
            self.cut_after -= size
            if self.cut_after < 0:
                self.cut_after = None
                self.cut()

    def cut(self, abort: bool = True) -> None:
        """Reset all connections, at both ends; or close them."""
        self.cuts += 1
        for end in (*self._clients, *self._servers):
            if end.transport is not None:
                end.cut(abort)
