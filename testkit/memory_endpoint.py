"""An endpoint in memory, to which a link connects."""

from collections.abc import Callable

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface import implementer

from testkit.in_memory import Transport


@implementer(IStreamClientEndpoint)
class MemoryEndpoint:
    """Connects in memory, or refuses, as the test says; ``why`` is called at each refusal."""

    refuses = False
    why: Callable[[], Exception] = ConnectionRefusedError
    hangs = False

    def __init__(self) -> None:
        self.connections: list[IProtocol] = []
        self.attempts = 0

    @property
    def transport(self) -> Transport:
        return self.connections[-1].transport  # type: ignore[attr-defined,no-any-return]

    def hang_up(self) -> None:
        self.fail(ConnectionDone())

    def fail(self, why: Exception) -> None:
        self.transport.connected = False
        self.connections[-1].connectionLost(Failure(why))

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        self.attempts += 1
        if self.refuses:
            return fail(self.why())
        if self.hangs:
            self.connecting: Deferred[IProtocol] = Deferred()
            return self.connecting
        protocol = protocolFactory.buildProtocol(None)  # type: ignore[arg-type]
        assert protocol is not None
        transport = Transport(Clock())
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self.connections.append(protocol)
        connected: Deferred[IProtocol] = Deferred()
        connected.callback(protocol)
        return connected
