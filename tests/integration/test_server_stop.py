"""The stop of a server, whatever its link does."""

from typing import Any, cast

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from ecm.config.build import build
from ecm.link.packet import encode
from ecm.net.reactor import ReactorCore
from ecm.server import Server
from testkit.ecm_process import LOOPBACK, Ejabberd
from testkit.resuming_peer import ResumingPeer


class KeepingEjabberd(Ejabberd):
    """One that keeps what ECM has not acknowledged."""

    def __init__(self, reads: bool) -> None:
        super().__init__(reads)
        self.peer = ResumingPeer()

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(self.peer.receive(data))


class StopTests(TestCase):
    timeout = 30

    def logged(self, text: str) -> Deferred[None]:
        """Fires with the line that begins so."""
        found: Deferred[None] = Deferred()

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if not found.called and formatEvent(event).startswith(text):
                found.callback(None)

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return found

    async def test_all_that_has_come_is_acknowledged(self) -> None:
        ejabberd = await KeepingEjabberd.start(self)
        options = {"listen": [LOOPBACK], "upstream": [ejabberd.endpoint]}
        server = Server(build(options), cast(ReactorCore, reactor))
        up = self.logged("link up")
        server.start()
        await up
        await deferLater(reactor, 0)
        ejabberd.transport.write(ejabberd.peer.send(1, b"answer 200\n<body/>"))
        pool: Any = server._pool
        [link] = pool.links
        while not link.receipts.number:
            await deferLater(reactor, 0.01)
        await server.stop()
        while ejabberd.peer.outbox.sent:
            await deferLater(reactor, 0.01)

    async def test_a_link_that_has_just_been_closed_does_not_keep_it(self) -> None:
        """More waits there than the kernel takes, and nobody reads it."""
        ejabberd = await Ejabberd.start(self, reads=False)
        options = {"listen": [LOOPBACK], "upstream": [ejabberd.endpoint], "link-mode": ["plain"]}
        server = Server(build(options), cast(ReactorCore, reactor))
        up, down = self.logged("link up"), self.logged("link down: ejabberd sent a malformed")
        server.start()
        await up
        await deferLater(reactor, 0)  # the pool hears of it behind the line
        pool: Any = server._pool
        [link] = pool.links
        link.queue.write(encode(1, bytes(20_000_000)))
        ejabberd.transport.write(b"x" * 32)
        await down
        await deferLater(reactor, 0)
        await server.stop()
