"""How ECM stops: no new connections, an answer for what is in flight, and an end in time."""

import signal

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.trial.unittest import TestCase

from testkit.ecm_process import EcmTestCase, Ejabberd
from testkit.in_memory import FIRST_ID, Joined
from testkit.process import Process
from testkit.raw_client import RawClient

REQUEST = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>"


class DrainTests(TestCase):
    """What becomes of connections, in memory."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_idle_connections_close_at_once(self) -> None:
        self.client.post(b"")
        self.ecm.answer(FIRST_ID, b"")
        drained = self.ecm.clients.drain()
        self.assertTrue(self.client.ended)
        self.client.leave()
        self.successResultOf(drained)

    def test_a_new_connection_has_a_second_to_ask(self) -> None:
        self.ecm.clients.drain()
        self.assertFalse(self.client.ended)
        self.client.post(b"on its way")
        self.ecm.pass_time(1)
        self.assertFalse(self.client.ended)
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertTrue(self.client.ended)
        silent = self.ecm.client()
        self.ecm.clients.drain()
        self.ecm.pass_time(1)
        self.assertTrue(silent.ended)

    def test_a_request_in_flight_gets_its_answer_which_is_the_last(self) -> None:
        self.client.post(b"")
        drained = self.ecm.clients.drain()
        self.assertFalse(self.client.ended)
        self.ecm.answer(FIRST_ID, b"answer")
        written = self.client.transport.written()
        self.assertIn(b"\r\nConnection: close\r\n", written)
        self.assertTrue(written.endswith(b"answer"))
        self.assertTrue(self.client.ended)
        self.assertNoResult(drained)
        self.client.leave()
        self.successResultOf(drained)

    def test_behind_an_answer_that_was_the_last_no_request_is_begun(self) -> None:
        self.client.post(b"held")
        self.client.post(b"next")
        self.ecm.clients.drain()
        self.ecm.answer(FIRST_ID + 1, b"2")
        self.ecm.received()
        self.client.post(b"more")
        self.assertEqual(self.ecm.received(), [])
        self.ecm.answer(FIRST_ID, b"1")
        self.assertTrue(self.client.transport.written().endswith(b"2"))
        self.assertTrue(self.client.ended)

    def test_pipelined_requests_all_get_their_answers(self) -> None:
        self.client.post(b"")
        self.client.post(b"")
        self.ecm.clients.drain()
        self.ecm.answer(FIRST_ID, b"first")
        self.ecm.answer(FIRST_ID + 1, b"last")
        written = self.client.transport.written()
        self.assertEqual(written.count(b"Connection: close"), 1)
        self.assertTrue(written.endswith(b"last"))
        self.assertTrue(self.client.ended)

    def test_a_request_that_is_on_its_way_is_served_as_the_last(self) -> None:
        self.client.send(b"POST /http-bind HTTP/1.1\r\nHost: a\r\n")
        self.ecm.clients.drain()
        self.client.send(b"Content-Length: 0\r\n\r\n")
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertIn(b"\r\nConnection: close\r\n", self.client.transport.written())
        self.assertTrue(self.client.ended)

    def test_a_client_that_has_yet_to_take_its_answer_closes_then(self) -> None:
        self.client.post(b"")
        self.client.transport.stuck = True
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.clients.drain()
        self.assertFalse(self.client.ended)
        self.client.transport.unstick()
        self.assertTrue(self.client.ended)

    def test_at_the_end_of_the_time_what_is_held_is_answered_503(self) -> None:
        self.client.post(b"")
        self.ecm.clients.drain()
        self.ecm.clients.give_up()
        written = self.client.transport.written()
        self.assertTrue(written.startswith(b"HTTP/1.1 503 "), written)
        self.assertIn(b"\r\nRetry-After: 5\r\n", written)
        self.ecm.answer(FIRST_ID, b"late")
        self.assertEqual(self.ecm.table.counters.late, 1)

    def test_without_connections_there_is_nothing_to_wait_for(self) -> None:
        self.client.leave()
        self.successResultOf(self.ecm.clients.drain())


class StopTests(EcmTestCase):
    """What becomes of the process."""

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

    async def until_refused(self) -> None:
        """The line in the log comes a moment before the port is closed."""
        with self.assertRaises(ConnectionRefusedError):
            while True:
                await (await self.connect()).closed

    async def test_sigterm_waits_for_the_answer_and_takes_no_new_connections(self) -> None:
        ecm, client = await self.held("3600")
        ecm.signal(signal.SIGTERM)
        await ecm.printed(r"Port [0-9]+ Closed")
        await self.until_refused()
        self.ejabberd.answer()
        answer = await client.closed
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer)
        self.assertIn(b"\r\nConnection: close\r\n", answer)
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertIn("ECM stops: Counters(requests=1, answers=1,", ecm.output)
        self.assertNotIn("Traceback", ecm.output)

    async def test_what_is_held_for_too_long_is_answered_503(self) -> None:
        ecm, client = await self.held("0")
        ecm.signal(signal.SIGINT)
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 503 "))
        self.assertEqual(await ecm.ended, -signal.SIGINT)

    async def test_a_second_sigterm_ends_it_at_once(self) -> None:
        ecm, client = await self.held("3600")
        ecm.signal(signal.SIGTERM)
        await ecm.printed(r"Port [0-9]+ Closed")
        ecm.signal(signal.SIGTERM)
        self.assertTrue((await client.closed).startswith(b"HTTP/1.1 503 "))
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
        self.assertNotIn("Traceback", ecm.output)

    async def test_a_link_that_takes_nothing_does_not_keep_it(self) -> None:
        ejabberd = await Ejabberd.start(self, reads=False)
        upstream = ("--protocol", "plain", "--upstream", ejabberd.endpoint)
        ecm = await self.start(*upstream, "--drain-timeout", "0", "--max-queue", "0")
        await ecm.printed("link up")
        body = b"x" * 250_000
        request = b"POST /bosh HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
            len(body),
            body,
        )
        clients = [await self.connect(request) for _ in range(80)]  # more than the kernel holds
        await ecm.printed("link full")
        ecm.signal(signal.SIGTERM)
        for client in clients:
            await client.closed
        self.assertEqual(await ecm.ended, -signal.SIGTERM)
