"""A proxy on the way of a link, which cuts connections and refuses them, for tests."""

from typing import cast

from twisted.internet import reactor
from twisted.internet.endpoints import HostnameEndpoint, TCP4ServerEndpoint, connectProtocol
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
        if self._other is not None:
            self._other.transport.loseConnection()

    def cut(self, abort: bool) -> None:
        (self.transport.abortConnection if abort else self.transport.loseConnection)()


class CuttingProxy(Factory):
    """Passes connections on to a port. ``cut_after`` bytes, once set, it resets them."""

    noisy = False

    def __init__(self, port: int) -> None:
        self._port = port
        self._ends: list[_End] = []
        self._listening: IListeningPort | None = None
        self.cut_after: int | None = None
        self.cuts = 0

    async def listen(self, test: TestCase) -> int:
        """Listen until the test ends, and return the port."""
        endpoint = TCP4ServerEndpoint(reactor, 0, interface=HOST)
        self._listening = cast(IListeningPort, await endpoint.listen(self))
        test.addCleanup(self.close)
        port: int = self._listening.getHost().port  # type: ignore[attr-defined]
        return port

    async def close(self) -> None:
        self.cut()
        if self._listening is not None and (stopped := self._listening.stopListening()):
            await stopped

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        client, server = _End(self), _End(self)
        self._ends = [client, server]
        connected = connectProtocol(HostnameEndpoint(reactor, HOST, self._port), server)
        connected.addCallback(client.join)
        connected.addCallback(lambda _: server.join(client))
        connected.addErrback(lambda _: client.transport.abortConnection())
        return client

    def passed(self, size: int) -> None:
        """So many bytes go through: cut, if those are enough."""
        if self.cut_after is not None:
            self.cut_after -= size
            if self.cut_after < 0:
                self.cut_after = None
                self.cut()

    def cut(self, abort: bool = True) -> None:
        """Reset the connection that is there, at both ends; or close it."""
        self.cuts += 1
        ends, self._ends = self._ends, []
        for end in ends:
            if end.transport is not None:
                end.cut(abort)
