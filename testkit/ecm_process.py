"""``twistd ecm`` as a process, and something that answers behind it."""

import socket
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from treq import content, post
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from testkit import told_case
from testkit.link_peer import EjabberdEnd, answer
from testkit.on_port import Served
from testkit.process import Process, script, start

LOOPBACK = "tcp:0:interface=127.0.0.1"


def start_ecm(test: TestCase, *arguments: str, environment: Mapping[str, str] = {}) -> Process:
    """Start one with these options, and with further variables."""
    command = (script("twistd"), "-n", "--pidfile=", "ecm", *arguments)
    return start(test, *command, environment=environment)


def temporary_folder(test: TestCase) -> Path:
    return Path(test.enterContext(TemporaryDirectory()))


class Ejabberd(EjabberdEnd):
    """The other end of a link: answers each request, at once or when told."""

    def __init__(self, reads: bool) -> None:
        super().__init__()
        self.endpoint = ""
        self._reads = reads
        self.holds = False
        self.asked: Deferred[bytes] = Deferred()
        self._held = b""

    @classmethod
    async def start(cls, test: TestCase, reads: bool = True) -> Self:
        """Listen on a free port of 127.0.0.1 until the test ends."""
        ejabberd = cls(reads)
        factory = Served(Factory.forProtocol(lambda: ejabberd))
        server: Any = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory)
        test.addCleanup(factory.all_closed)
        if not reads:  # or the kernel would read many megabytes in its place
            server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            test.addCleanup(ejabberd.hang_up)
        test.addCleanup(server.stopListening)
        ejabberd.endpoint = f"tcp:127.0.0.1:{server.getHost().port}"
        return ejabberd

    def connectionMade(self) -> None:
        if not self._reads:
            self.transport.pauseProducing()

    def requested(self, connection_id: int, body: bytes) -> None:
        packet = answer(connection_id, self.answer_to(body))
        self._held += packet
        if not self.holds:
            self.answer()
        elif not self.asked.called:
            self.asked.callback(packet)

    def answer_to(self, body: bytes) -> bytes:
        """Return what answers a request: its own body."""
        return body

    def answer(self) -> None:
        """Answer all that is held."""
        held, self._held = self._held, b""
        self.transport.write(held)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()


class EcmTestCase(told_case.TestCase):
    # Further variables for ECM.
    environment: Mapping[str, str] = {}

    async def start(self, *arguments: str) -> Process:
        """Start ECM on a free port, and wait until it serves."""
        arguments = ("--listen", LOOPBACK, *arguments)
        ecm = start_ecm(self, *arguments, environment=self.environment)
        self.port = int((await ecm.printed(r"Factory starting on ([0-9]+)"))[1])
        await ecm.printed("serves BOSH on")
        self.url = f"http://127.0.0.1:{self.port}"
        return ecm

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        response = await post(self.url + path, data=body, persistent=False)
        return response.code, await content(response)
