"""A client of ``websockets`` talks to an ECM on a real port, whose ejabberd sends all back."""

from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ecm.frontend.settings import FrontendSettings
from ecm.link.credit import OVERHEAD
from ecm.link.message import MESSAGE
from ecm.net.endpoints import server_endpoint
from ecm.net.reactor import global_reactor
from ecm.net.sockets import BatchedSockets
from testkit.in_memory import Joined
from testkit.websocket_case import joined

MAX_BODY = 500_000

_LONG = "é世😀" * 20_000
_FINISH = "finish"


class TalkCase(TestCase):
    """A test with such an ECM. ``opened`` is what ejabberd was told of the last client."""

    timeout = 60
    opened = b""

    async def serve(
        self,
        endpoint: str = "tcp:0:interface=127.0.0.1",
        settings: FrontendSettings | None = None,
        lean_tls: bool = False,
    ) -> int:
        """Serve until the test ends. Returns the port."""
        self.ecm = joined(settings, window=2**20, max_body=MAX_BODY)
        sockets = BatchedSockets(global_reactor())
        sockets.start()
        self.ecm.registry.sockets = sockets
        port = await server_endpoint(global_reactor(), endpoint, lean_tls).listen(self.factory)
        answering = LoopingCall(self._answer, self.ecm)
        answering.start(0.01)
        self.addCleanup(answering.stop)
        self.addCleanup(sockets.stop)
        self.addCleanup(self._all_closed)
        self.addCleanup(port.stopListening)
        host: Any = port.getHost()
        number: int = host.port
        return number

    @property
    def factory(self) -> IProtocolFactory:
        """The factory of the connections."""
        return self.ecm.clients

    def _answer(self, ecm: Joined) -> None:
        """Send each message back, give its credit back, and end the stream that wants it."""
        for number, content in ecm.received():
            if content == MESSAGE + _FINISH.encode():
                ecm.answer(number, b"close end")
            elif content.startswith(MESSAGE):
                ecm.answer(number, b"more %d" % (OVERHEAD - len(MESSAGE) + len(content)))
                ecm.answer(number, content)
            elif content.startswith(b"open "):
                self.opened = content

    async def _all_closed(self) -> None:
        while len(self.ecm.clients):
            await deferLater(reactor, 0.01)


def talk(say: Callable[[ClientConnection], None], url: str, **more: Any) -> Deferred[int]:
    """Let a client talk, in a thread of its own. Fires with the code that it is closed with."""

    def client() -> int:
        with connect(url, subprotocols=[Subprotocol("xmpp")], **more) as connection:
            assert connection.subprotocol == "xmpp"
            say(connection)
            try:
                raise AssertionError(connection.recv())
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 0

    return deferToThread(client)


def converse(connection: ClientConnection) -> None:
    """Say and hear much and little, whole and in fragments, and finish."""
    for text in ("<open/>", "", _LONG, "ü"):
        connection.send(text)
        assert connection.recv() == text
    connection.send(["in ", "three ", "fragments"])
    assert connection.recv() == "in three fragments"
    assert connection.ping(b"there?").wait(10)
    for number in range(100):
        connection.send(f"{number}")
    for number in range(100):
        assert connection.recv() == f"{number}"
    connection.send(_FINISH)


def shout(connection: ClientConnection) -> None:
    """Say more than may be said at once."""
    connection.send("a" * (MAX_BODY + 1))
