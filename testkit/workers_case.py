"""``twistd ecm --workers``, and the other end of each worker's link."""

import re
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP4ServerEndpoint, connectProtocol
from twisted.internet.protocol import Factory
from twisted.trial.unittest import TestCase

from testkit.ecm_process import EcmTestCase
from testkit.link_peer import EjabberdEnd, answer
from testkit.on_port import Served
from testkit.process import Process
from testkit.raw_client import RawClient

# A fast shutdown, unless a test is about the graceful one.
QUICK = ("--drain-timeout", "0")

POST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b"


class Link(EjabberdEnd):
    """A link of one worker. Requests are held until ``answer``, and counted."""

    def __init__(self, links: "Links") -> None:
        super().__init__()
        self.links = links
        self.process = 0
        self.held: dict[bytes, int] = {}
        self.requests = 0

    def requested(self, connection_id: int, body: bytes) -> None:
        self.held[body] = connection_id
        self.requests += 1
        self.links.asked()

    def said(self, content: bytes) -> None:
        name = re.match(rb"hello .*instance=\S+?(?::|%3A)([0-9]+)", content)
        if name is not None:
            self.process = int(name[1])
            self.links.asked()

    def answer(self) -> None:
        """Answer each request that is held with its own body."""
        held, self.held = self.held, {}
        for body, connection_id in held.items():
            self.transport.write(answer(connection_id, body))


class Links(Factory):
    """All links since the start, and the requests held on them."""

    noisy = False

    def __init__(self) -> None:
        self.all: list[Link] = []
        self.answers = False
        self._served = Served(self)
        self._awaited: list[tuple[int, int, Deferred[None]]] = []

    @classmethod
    async def start(cls, test: TestCase) -> "Links":
        links = cls()
        await links.open()
        test.addCleanup(links._served.all_closed)
        test.addCleanup(lambda: links._server.stopListening())
        links.endpoint = f"tcp:127.0.0.1:{links._port}"
        return links

    endpoint: str
    _port = 0

    async def open(self) -> None:
        """Listen; on the same port as before."""
        endpoint = TCP4ServerEndpoint(reactor, self._port, interface="127.0.0.1")
        self._server: Any = await endpoint.listen(self._served)
        self._port = self._server.getHost().port

    async def close(self) -> None:
        """Listen no more, and cut all links."""
        await self._server.stopListening()
        for link in self.all:
            link.transport.abortConnection()

    def buildProtocol(self, addr: object) -> Link:
        link = Link(self)
        self.all.append(link)
        return link

    def held(self) -> int:
        return sum(len(link.held) for link in self.all)

    def greeted(self) -> int:
        """Return the number of links that have said hello."""
        return sum(link.process > 0 for link in self.all)

    async def until(self, greeted: int = 0, held: int = 0) -> None:
        """Wait until so many links have said hello, and so many requests are held."""
        came: Deferred[None] = Deferred()
        self._awaited.append((greeted, held, came))
        self.asked()
        await came

    def asked(self) -> None:
        if self.answers:
            for link in self.all:
                link.answer()
        for each in self._awaited[:]:
            greeted, held, came = each
            if self.greeted() >= greeted and self.held() >= held:
                self._awaited.remove(each)
                came.callback(None)

    def of(self, process: int) -> Link:
        return next(link for link in self.all if link.process == process)


class WorkersTestCase(EcmTestCase):
    async def start_workers(self, number: int, *arguments: str) -> Process:
        """Start ECM with so many workers, and wait until each has its link and serves."""
        self.links = await Links.start(self)
        upstream = ("--upstream", self.links.endpoint)
        ecm = await self.start("--workers", str(number), *upstream, *QUICK, *arguments)
        await self.links.until(greeted=number)
        self.processes = [await self.process_of(ecm, each + 1) for each in range(number)]
        return ecm

    async def process_of(self, ecm: Process, number: int) -> int:
        """Return the process ID of a worker."""
        return int((await ecm.printed(f"worker {number}: serving as process ([0-9]+)"))[1])

    async def ask(self, body: bytes) -> RawClient:
        """Connect, and send a request."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        request = POST % (len(body), body)
        client: RawClient = await connectProtocol(endpoint, RawClient(request))
        return client

    async def crowd(self, size: int) -> dict[bytes, RawClient]:
        """Connect so many clients with a request in flight each; by the requests' bodies."""
        names = [b"client %d" % number for number in range(size)]
        asked = await DeferredList([Deferred.fromCoroutine(self.ask(name)) for name in names])
        await self.links.until(held=size)
        return dict(zip(names, (client for _, client in asked), strict=True))
