"""A server behind a proxy that holds each request until it is told to answer."""

from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: 7\r\n\r\n<body/>"


class OriginProtocol(Protocol):
    transport: ITCPTransport

    def __init__(self, asked: "DeferredQueue[HeldRequest]") -> None:
        self.closed: Deferred[None] = Deferred()
        self._asked = asked
        self._received = b""

    def dataReceived(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"</body>"):
            self._asked.put(HeldRequest(self._received.decode(), self))
            self._received = b""

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.closed.callback(None)


class HeldRequest:
    """``text`` is the whole of it, as the proxy has sent it on ``connection``."""

    def __init__(self, text: str, connection: OriginProtocol) -> None:
        self.text = text
        self.connection = connection

    def headers(self, name: str) -> list[str]:
        """The values of a header, in their order."""
        lines = [line.partition(": ") for line in self.text.split("\r\n")]
        return [value for header, _, value in lines if header.lower() == name]

    def answer(self) -> None:
        self.connection.transport.write(ANSWER)


class Origin(Factory):
    """``asked`` has the requests that come, each ending with ``</body>``."""

    noisy = False

    def __init__(self) -> None:
        self.asked: DeferredQueue[HeldRequest] = DeferredQueue()

    def buildProtocol(self, addr: object) -> OriginProtocol:
        return OriginProtocol(self.asked)
