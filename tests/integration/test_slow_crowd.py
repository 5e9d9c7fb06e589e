"""Many clients that send a byte at a time, and a chat beside them, against ECM as a process."""

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.python.failure import Failure

from testkit.ecm_process import EcmTestCase, Ejabberd

CROWD = 500
HEADER_TIMEOUT = 2  # seconds
PAUSE = 0.2  # seconds between two bytes of a slow client
HEAD = b"POST /http-bind HTTP/1.1\r\nHost: chat.example\r\nContent-Length: 7\r\n\r\n"


class SlowClient(Protocol):
    """Sends the bytes of a head one by one, until ECM ends the connection."""

    transport: ITCPTransport

    def __init__(self) -> None:
        self.ended: Deferred[bytes] = Deferred()
        self._received = b""
        self._rest = iter(HEAD)
        self._loop = LoopingCall(self._send)

    def connectionMade(self) -> None:
        self._loop.start(PAUSE)

    def _send(self) -> None:
        self.transport.write(bytes([next(self._rest)]))

    def dataReceived(self, data: bytes) -> None:
        self._received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._loop.stop()
        self.ended.callback(self._received)


class SlowCrowdTests(EcmTestCase):
    timeout = 60

    async def crowd(self) -> Deferred[list[bytes]]:
        """Connect a crowd. Fires with what each was told, once all connections have ended."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        clients = [SlowClient() for _ in range(CROWD)]
        for client in clients:
            await connectProtocol(endpoint, client)
        return gatherResults([client.ended for client in clients])

    async def test_a_chat_goes_on_beside_slow_clients_and_each_of_them_is_told_408(self) -> None:
        ejabberd = await Ejabberd.start(self)
        await self.start("--upstream", ejabberd.endpoint, f"--header-timeout={HEADER_TIMEOUT}")
        ended = await self.crowd()
        asked = 0
        while not ended.called:
            body = b"<body rid='%d'/>" % asked
            self.assertEqual(await self.post("/http-bind", body), (200, body))
            asked += 1
        self.assertGreater(asked, 0)
        told = [each.partition(b"\r\n")[0] for each in await ended]
        self.assertEqual(told, [b"HTTP/1.1 408 Request Timeout"] * CROWD)
