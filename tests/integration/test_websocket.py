"""WebSockets over real sockets, plain and over TLS, with ``websockets`` as the client."""

import ssl
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ecm.link.credit import OVERHEAD
from ecm.net.batch import BatchedIO
from ecm.net.reactor import global_reactor
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Joined
from testkit.websocket_case import joined

LONG = "é世😀" * 20_000
FINISH = b"message\nfinish"


class WebSocketTests(TestCase):
    timeout = 60

    async def serve(self, endpoint: str = "tcp:0:interface=127.0.0.1") -> int:
        """Serve an ECM, and answer as an ejabberd that sends each message back."""
        self.ecm = joined(window=2**20, max_body=500_000)
        batch = BatchedIO(global_reactor())
        batch.start()
        self.ecm.registry._batch = batch
        port = await serverFromString(reactor, endpoint).listen(self.ecm.clients)
        self.answering = LoopingCall(answer, self.ecm)
        self.answering.start(0.01)
        self.addCleanup(self.answering.stop)
        self.addCleanup(batch.stop)
        self.addCleanup(self.all_closed)
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def all_closed(self) -> None:
        while len(self.ecm.clients):
            await deferLater(reactor, 0.01)

    def talk(self, say: Callable[[ClientConnection], None], url: str, **more: Any) -> Any:
        """Let a client talk, in a thread of its own."""

        def client() -> tuple[int, str]:
            with connect(url, subprotocols=[Subprotocol("xmpp")], **more) as connection:
                assert connection.response is not None
                assert connection.subprotocol == "xmpp"
                say(connection)
                try:
                    connection.recv()
                except ConnectionClosed as closed:
                    return closed.rcvd.code if closed.rcvd else 0, str(closed)
            return 1000, ""

        return deferToThread(client)

    async def test_it_talks(self) -> None:
        code, _ = await self.talk(converse, f"ws://127.0.0.1:{await self.serve()}/ws")
        self.assertEqual(code, 1000)

    async def test_it_talks_over_tls(self) -> None:
        certificate = make_certificate(temporary_folder(self))
        trusting = ssl.create_default_context(cadata=certificate.ca.decode())
        url = f"wss://127.0.0.1:{await self.serve(certificate.endpoint())}/ws"
        code, _ = await self.talk(converse, url, ssl=trusting)
        self.assertEqual(code, 1000)

    async def test_a_message_that_is_too_long_is_refused(self) -> None:
        code, _ = await self.talk(shout, f"ws://127.0.0.1:{await self.serve()}/ws")
        self.assertEqual(code, 1009)


def answer(ecm: Joined) -> None:
    """Send each message back, give its credit back, and end the stream that wants it."""
    for number, content in ecm.received():
        if content == FINISH:
            ecm.answer(number, b"close end")
        elif content.startswith(b"message\n"):
            ecm.answer(number, b"more %d" % (OVERHEAD + len(content) - len(b"message\n")))
            ecm.answer(number, content)


def converse(connection: ClientConnection) -> None:
    for text in ("<open/>", "", LONG, "ü"):
        connection.send(text)
        assert connection.recv() == text
    connection.send(["in ", "three ", "fragments"])
    assert connection.recv() == "in three fragments"
    assert connection.ping(b"there?").wait(10)
    for number in range(100):
        connection.send(f"{number}")
    for number in range(100):
        assert connection.recv() == f"{number}"
    connection.send("finish")


def shout(connection: ClientConnection) -> None:
    connection.send("a" * 500_001)
