"""The end of the process of ECM: by a signal, with requests in flight."""

import signal

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError

from ecm.http.response import CONTINUE
from ecm.tools.ports import free_port
from testkit.ecm_process import EcmTestCase, Ejabberd
from testkit.process import Process
from testkit.raw_client import RawClient

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>"


class StopTests(EcmTestCase):
    """The process ends, gracefully or at once."""

    async def held(self, drain_timeout: str) -> tuple[Process, RawClient]:
        """Start ECM, and let one client have a request in flight."""
        self.ejabberd = await Ejabberd.start(self)
        self.ejabberd.holds = True
        upstream = ("--upstream", self.ejabberd.endpoint)
        ecm = await self.start(*upstream, "--drain-timeout", drain_timeout)
        await ecm.printed("link up")
        client = await self.connect()
        await self.ejabberd.asked
        return ecm, client

    async def connect(self, request: bytes = REQUEST) -> RawClient:
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
        client: RawClient = await connectProtocol(endpoint, RawClient(request))
        return client

    async def test_sigterm_waits_for_the_answer_and_serves_new_connections_meanwhile(self) -> None:
        ecm, client = await self.held("3600")
        ecm.signal(signal.SIGTERM)
        await ecm.printed("stopping: 1 connections are closed behind their answers")
        self.ejabberd.holds = False  # it answers both when the second one comes
        for asked in (await self.connect(), client):
            answer = await asked.closed
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
            self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertNotIn("cut off", ecm.output)
        with self.assertRaises(ConnectionRefusedError):
            await self.connect()
        self.assertIn("ECM stopped: requests=2 answers=2 ", ecm.output)
        self.assertNotIn("Traceback", ecm.output)

    async def test_what_is_held_for_too_long_is_answered_503(self) -> None:
        ecm, client = await self.held("0")
        ecm.signal(signal.SIGINT)
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 503 "))
        await ecm.printed("the time is over: 1 requests and streams are cut off")
        self.assertEqual(await ecm.ended, -signal.SIGINT)

    async def test_a_second_sigterm_ends_it_at_once(self) -> None:
        ecm, client = await self.held("3600")
        ecm.signal(signal.SIGTERM)
        await ecm.printed("stopping: ")
        ecm.signal(signal.SIGTERM)
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 503 "))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", ecm.output)

    async def test_without_a_link_it_refuses_each_request_once_and_does_not_wait(self) -> None:
        upstream = ("--upstream", f"tcp:127.0.0.1:{free_port()}", "--queue-timeout", "3600")
        ecm = await self.start(*upstream, "--drain-timeout", "3600")
        await ecm.printed("no link to ejabberd")
        head, body = REQUEST.split(b"\r\n\r\n")
        waiting = await self.connect(head + b"\r\nExpect: 100-continue\r\n\r\n")
        self.assertEqual(await waiting.begun, CONTINUE)
        waiting.transport.write(body)
        ecm.signal(signal.SIGTERM)
        await ecm.printed(" requests wait in vain, and get 503")
        self.assertTrue((await waiting.closed).startswith(CONTINUE + b"HTTP/1.1 503 "))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)

    async def test_a_link_that_takes_nothing_does_not_keep_it(self) -> None:
        ejabberd = await Ejabberd.start(self, reads=False)
        upstream = ("--link-mode", "plain", "--upstream", ejabberd.endpoint)
        ecm = await self.start(*upstream, "--drain-timeout", "0", "--max-queue", "0")
        await ecm.printed("link up")
        body = b"x" * 250_000
        request = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        clients = [await self.connect(request) for _ in range(80)]  # more than the kernel holds
        await ecm.printed("link congested")
        ecm.signal(signal.SIGTERM)
        for client in clients:
            await client.closed
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
