"""Handshakes over TLS take turns, on real sockets; the test is the reactor that gives them."""

import contextlib
from socket import MSG_DONTWAIT, SHUT_WR, create_connection, socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.handshaking import TlsConnection
from ecm.frontend.http import HTTPConnection
from ecm.limits import HANDSHAKE_SIZE, HANDSHAKES_AT_ONCE, HEADER_TIMEOUT
from ecm.net.endpoints import server_endpoint
from ecm.net.reactor import global_reactor
from ecm.net.sockets import BatchedSockets
from ecm.net.transport import close_now, underlying
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Joined
from testkit.logs import lines
from testkit.tls_client import TlsClient, client_context

POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>"
GET = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"


class Client:
    """A client of TLS on a socket."""

    def __init__(self, port: int, ca: bytes) -> None:
        self.socket: socket = create_connection(("127.0.0.1", port))
        self.socket.settimeout(10)
        self.tls = TlsClient(client_context(ca))
        self.received = b""

    def say_hello(self) -> None:
        self.socket.sendall(self.tls.shake_hands())

    def answer(self) -> None:
        """Take what the server has said to the first message, and send the last one."""
        while not (last := self.tls.shake_hands()):
            self.tls.feed(self.socket.recv(2**16))
        self.socket.sendall(last)

    def has(self, beginning: bytes) -> bool:
        """Return whether an answer has come that begins so."""
        with contextlib.suppress(BlockingIOError):
            self.tls.feed(self.socket.recv(2**16, MSG_DONTWAIT))
        self.received += self.tls.read()
        return self.received.startswith(beginning)


class HandshakesTestCase(TestCase):
    """An ECM whose handshakes the test has go on."""

    lean = True
    timeout = 60

    async def serve(self, **limits: Any) -> None:
        self.ecm = Joined(**limits)
        self.sockets = BatchedSockets(global_reactor())
        self.ecm.registry.sockets = self.sockets
        self.addCleanup(self.sockets.stop)
        self.sockets.start()
        global_reactor().removeReader(self.sockets._in_turns)
        certificate = make_certificate(temporary_folder(self))
        endpoint = server_endpoint(global_reactor(), certificate.endpoint(), self.lean)
        port: Any = await endpoint.listen(self.ecm.clients)
        self.addCleanup(self.all_closed)
        self.addCleanup(port.stopListening)
        self.port, self.ca = port.getHost().port, certificate.ca
        self.clients: list[Client] = []

    async def all_closed(self) -> None:
        self.ecm.registry.abort_all()
        for client in self.clients:
            client.socket.close()
        await self.until(lambda: not len(self.ecm.registry))
        global_reactor().addReader(self.sockets._in_turns)

    async def until(self, holds: Any) -> None:
        while not holds():
            await deferLater(reactor, 0.001, lambda: None)

    async def come(self, number: int = 1, silent: bool = False) -> list[Client]:
        """So many clients connect, and say hello, or nothing."""
        came = [Client(self.port, self.ca) for _ in range(number)]
        self.clients += came
        await self.until(lambda: len(self.ecm.registry) == len(self.clients))
        for client in [] if silent else came:
            client.say_hello()
        return came

    def turn(self) -> None:
        self.sockets._in_turns.doRead()

    @property
    def connections(self) -> list[ClientConnection]:
        """The server's end of each client, in their order."""
        return [*self.ecm.registry.open]

    def begun(self) -> list[bool]:
        """Return of each client whether its handshake has had a turn."""
        waiting = self.sockets._turns.waiting
        return [underlying(each.transport) not in waiting for each in self.connections]

    @staticmethod
    def firsts(number: int, of: int) -> list[bool]:
        return [at < number for at in range(of)]


class TurnsTests(HandshakesTestCase):
    async def test_a_few_go_on_at_once_in_the_order_in_which_they_came(self) -> None:
        await self.serve()
        await self.come(3 * HANDSHAKES_AT_ONCE)
        for turn in range(4):
            expected = self.firsts(turn * HANDSHAKES_AT_ONCE, of=3 * HANDSHAKES_AT_ONCE)
            self.assertEqual(self.begun(), expected)
            self.turn()

    async def test_who_has_had_a_turn_is_behind_who_waits_for_one(self) -> None:
        await self.serve()
        clients = await self.come(2 * HANDSHAKES_AT_ONCE)
        first = clients[:HANDSHAKES_AT_ONCE]
        self.turn()
        for client in first:
            client.answer()
        self.turn()
        self.assertEqual(self.begun(), [True] * 2 * HANDSHAKES_AT_ONCE)
        self.turn()
        self.assertEqual(self.completed(), self.firsts(len(first), of=2 * HANDSHAKES_AT_ONCE))

    def completed(self) -> list[bool]:
        return [
            each.deadline != self.ecm.registry.deadlines[Phase.HANDSHAKE]
            for each in self.connections
        ]

    async def test_who_sends_nothing_holds_up_nobody(self) -> None:
        await self.serve()
        await self.come(5 * HANDSHAKES_AT_ONCE, silent=True)
        await self.come()
        self.turn()
        self.assertEqual(self.begun(), [False] * 5 * HANDSHAKES_AT_ONCE + [True])

    async def test_who_is_connected_is_read_beside_them(self) -> None:
        await self.serve()
        (client,) = await self.come()
        self.turn()
        client.answer()
        self.turn()
        await self.come(HANDSHAKES_AT_ONCE)
        client.socket.sendall(client.tls.write(GET))
        await self.until(lambda: client.has(b"HTTP/1.1 404 "))

    async def test_who_has_given_up_costs_no_handshake(self) -> None:
        await self.serve()
        (client,) = await self.come()
        client.socket.shutdown(SHUT_WR)
        self.turn()
        self.assertEqual(len(self.ecm.registry), 0)
        self.assertEqual(client.socket.recv(100), b"")
        self.clients.clear()

    async def test_who_is_not_read_stays_so(self) -> None:
        """As clients are while the link is congested."""
        await self.serve()
        (client,) = await self.come()
        self.turn()
        client.answer()
        connection: Any = self.connections[0]
        wire = underlying(connection.transport)
        complete = connection.handshakeCompleted

        def paused() -> None:
            self.ecm.registry.set_reading(False)
            complete()

        self.patch(HTTPConnection, "handshakeCompleted", lambda _: paused())
        self.turn()
        self.assertNotIn(wire, self.sockets.batch.readers)
        self.ecm.registry.set_reading(True)
        self.assertIn(wire, self.sockets.batch.readers)

    async def test_who_is_rejected_is_told_so_in_his_turn(self) -> None:
        await self.serve(max_connections=1)
        await self.come()
        rejected = Client(self.port, self.ca)
        self.addCleanup(rejected.socket.close)
        rejected.say_hello()
        await self.until(lambda: self.ecm.registry.rejected)
        self.turn()
        rejected.answer()
        self.turn()
        await self.until(lambda: rejected.has(b"HTTP/1.1 503 "))


class EndTests(HandshakesTestCase):
    async def test_who_closes_behind_a_request_has_not_given_up(self) -> None:
        await self.serve()
        (client,) = await self.come()
        self.turn()
        client.answer()
        client.socket.sendall(client.tls.write(POST))
        client.socket.shutdown(SHUT_WR)
        self.turn()
        self.assertEqual([body for _, body in self.ecm.received()], [b"<body/>"])

    async def test_who_is_closed_at_the_end_of_a_handshake_leaves_nothing_behind(self) -> None:
        await self.serve()
        (client,) = await self.come()
        self.turn()
        client.answer()

        def closed(connection: HTTPConnection) -> None:
            TlsConnection.handshakeCompleted(connection)
            close_now(connection.transport)

        self.patch(HTTPConnection, "handshakeCompleted", closed)
        self.turn()
        self.assertEqual(len(self.ecm.registry), 0)
        self.assertEqual(self.sockets._in_turns.writers, {})
        self.clients.clear()


class OpensslTurnsTests(TurnsTests):
    """The same where all of TLS is OpenSSL's."""

    lean = False


class TimeTests(HandshakesTestCase):
    async def test_it_counts_from_the_turn(self) -> None:
        await self.serve()
        await self.come()
        self.ecm.pass_time(5 * HEADER_TIMEOUT)
        self.assertEqual(len(self.ecm.registry), 1)
        self.turn()
        self.ecm.pass_time(HEADER_TIMEOUT - 1)
        self.assertEqual(len(self.ecm.registry), 1)
        self.ecm.pass_time(1)
        await self.until(lambda: not len(self.ecm.registry))
        self.clients.clear()

    async def test_who_sends_nothing_has_it_from_the_beginning(self) -> None:
        await self.serve()
        await self.come(silent=True)
        self.ecm.pass_time(HEADER_TIMEOUT)
        await self.until(lambda: not len(self.ecm.registry))
        self.clients.clear()

    async def test_while_ecm_stops_it_is_short(self) -> None:
        await self.serve()
        await self.come()
        drained = self.ecm.registry.drain()
        self.ecm.pass_time(5)
        self.assertFalse(drained.called)
        self.turn()
        self.ecm.pass_time(1)
        await drained
        self.clients.clear()


class MemoryTests(HandshakesTestCase):
    async def test_handshakes_that_are_not_complete_are_shed(self) -> None:
        await self.serve(max_buffered=4 * HANDSHAKE_SIZE)
        first = await self.come(3)
        self.turn()
        self.assertEqual(len(self.ecm.registry.budget), 3)
        first[1].answer()
        self.turn()
        self.assertEqual(len(self.ecm.registry.budget), 2)
        self.ecm.pass_time(1)
        await self.come(4)
        self.turn()
        await self.until(lambda: len(self.ecm.registry) < 6)
        self.assertFalse({0, 2} & {self.clients.index(each) for each in self.left()})
        self.assertIn(first[1], self.left())

    def left(self) -> list[Client]:
        """Return the clients that are still connected."""
        ports = [each.transport.getPeer().port for each in self.connections]
        return [each for each in self.clients if each.socket.getsockname()[1] in ports]

    async def test_half_a_record_is_shed(self) -> None:
        await self.serve(max_buffered=HANDSHAKE_SIZE + 4_000)
        for _ in range(4):
            (client,) = await self.come()
            self.turn()
            client.answer()
            self.turn()
        for client in self.clients:
            client.socket.sendall(client.tls.write(bytes(2**14))[:-1])
        await self.until(lambda: self.ecm.registry.budget.shed_count == 1)
        await self.until(lambda: [each.held for each in self.connections] == [16_405] * 3)

    async def test_who_waits_holds_nothing(self) -> None:
        await self.serve()
        await self.come(3)
        self.assertEqual(len(self.ecm.registry.budget), 0)


class FaultTests(HandshakesTestCase):
    async def test_a_handshake_that_fails_is_counted_and_said(self) -> None:
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        await self.serve()
        (client,) = await self.come(silent=True)
        client.socket.sendall(GET)
        self.turn()
        await self.until(lambda: not len(self.ecm.registry))
        self.clients.clear()
        self.assertEqual(self.ecm.metrics.tls_faults, 1)
        line = "TLS connection failed, closed: http request, from 127.0.0.1"
        self.assertEqual(lines(observer, "ecm.log.faults"), [line])


class OpensslFaultTests(FaultTests):
    lean = False
