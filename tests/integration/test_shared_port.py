"""Two ECMs on one port (--reuse-port): the new one takes over, and nobody is refused."""

import signal

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol

from ecm.tools.ports import free_port
from testkit.ecm_process import EcmTestCase, start_ecm
from testkit.process import Process
from testkit.raw_client import RawClient
from testkit.workers_case import Links

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 7\r\n\r\n<body/>"


class TakeOverTests(EcmTestCase):
    timeout = 60

    async def beside(self, workers: int) -> Process:
        """Start an ECM on the port, beside those that are there."""
        links = await Links.start(self)
        links.answers = True
        listen = ("--listen", f"tcp:{self.port}:interface=127.0.0.1", "--reuse-port")
        upstream = ("--upstream", links.endpoint, "--workers", str(workers))
        ecm = start_ecm(self, *listen, *upstream)
        await ecm.printed("serves BOSH on")
        await links.until(greeted=workers)
        return ecm

    async def ask(self) -> bytes:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client: RawClient = await connectProtocol(endpoint, RawClient(REQUEST))
        return await client.closed

    async def take_over(self, workers: int) -> None:
        self.port = free_port()
        new = await self.beside(workers)
        for _ in range(3):
            old, new = new, await self.beside(workers)
            old.signal(signal.SIGTERM)
            while not old.ended.called:
                # The kernel resets a connection that comes between the last accept() and close().
                answer = await self.ask() or await self.ask()
                self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)

    async def test_one_takes_over_from_another(self) -> None:
        await self.take_over(1)

    async def test_one_with_workers_does(self) -> None:
        await self.take_over(2)

    async def test_when_one_is_killed_the_other_serves_at_once(self) -> None:
        self.port = free_port()
        first, second = await self.beside(1), await self.beside(1)
        first.signal(signal.SIGKILL)
        await first.ended
        for _ in range(20):
            answer = await self.ask()
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertFalse(second.ended.called)

    async def test_without_the_option_the_port_is_taken(self) -> None:
        ecm = await self.start()
        second = start_ecm(self, "--listen", f"tcp:{self.port}:interface=127.0.0.1")
        self.assertEqual(await second.ended, 1)
        self.assertNotIn("Traceback", ecm.output + second.output)
