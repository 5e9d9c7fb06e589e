"""Handshakes over TLS take turns, on real sockets; the test is the reactor that gives them."""

import contextlib
from collections.abc import Callable
from select import select
from socket import SHUT_WR, create_connection, socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.task import deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.frontend import admission
from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.handshaking import TlsConnection
from ecm.frontend.http import HTTPConnection
from ecm.frontend.proxied import ProxiedFactory
from ecm.frontend.tcp_factory import ProxiedTcpFactory, TcpFactory
from ecm.limits import HANDSHAKE_SIZE, HANDSHAKES_AT_ONCE, HEADER_TIMEOUT
from ecm.net.endpoints import server_endpoint
from ecm.net.reactor import global_reactor
from ecm.net.sockets import BatchedSockets
from ecm.net.transport import close_now, underlying
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Joined
from testkit.logs import lines
from testkit.samples.websocket_handshakes import handshake
from testkit.tls_client import TlsClient, client_context
from testkit.websocket_case import joined

POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n<body/>"
GET = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 51234 5223\r\n"


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

    @property
    def is_told(self) -> bool:
        """True if something has come that was not read."""
        return bool(select([self.socket], [], [], 0)[0])

    def has(self, beginning: bytes) -> bool:
        """Return whether an answer has come that begins so."""
        if self.is_told:
            self.tls.feed(self.socket.recv(2**16))
        self.received += self.tls.read()
        return self.received.startswith(beginning)


MakeFactory = Callable[[Joined], IProtocolFactory]


def web(ecm: Joined) -> IProtocolFactory:
    return ecm.clients


def streams_behind_a_proxy(ecm: Joined) -> IProtocolFactory:
    """Connections begin with a PROXY header, and TLS comes behind it."""
    return ProxiedTcpFactory(TcpFactory(ecm.clients.admission, ecm.pool))


def web_behind_a_proxy(ecm: Joined) -> IProtocolFactory:
    """Connections begin with TLS, and a PROXY header comes in it."""
    return ProxiedFactory(ecm.clients)


class HandshakesTestCase(TestCase):
    """An ECM whose handshakes the test has go on."""

    lean = True
    timeout = 60

    async def serve(self, make: MakeFactory = web, **limits: Any) -> None:
        """``make`` returns the factory of the connections."""
        self.ecm = joined(**limits)
        self.sockets = BatchedSockets(global_reactor())
        self.ecm.registry.sockets = self.sockets
        self.addCleanup(self.sockets.stop)
        self.sockets.start()
        global_reactor().removeReader(self.sockets._in_turns)
        certificate = make_certificate(temporary_folder(self))
        endpoint = server_endpoint(global_reactor(), certificate.endpoint(), self.lean)
        port: Any = await endpoint.listen(make(self.ecm))
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

    def one_too_many(self) -> Client:
        """Return a client that connects where there is no place any more."""
        client = Client(self.port, self.ca)
        self.addCleanup(client.socket.close)
        return client

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
        rejected = self.one_too_many()
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
        ((_, request),) = self.ecm.received()
        self.assertTrue(request.endswith(b"\n<body/>"))

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


class ProxiedTests(HandshakesTestCase):
    """The header of a proxy before TLS, in one piece with the beginning of the handshake."""

    async def come_together(self, number: int) -> list[bytes]:
        """So many clients come; return what each has sent behind its header."""
        await self.serve(streams_behind_a_proxy)
        clients = await self.come(number, silent=True)
        hellos = [client.tls.shake_hands() for client in clients]
        for at, (client, hello) in enumerate(zip(clients, hellos, strict=True)):
            client.socket.sendall(HEADER + hello)
            await self.until(lambda at=at: len(self.connections) > at)
        return hellos

    async def test_a_few_go_on_at_once_in_the_order_in_which_they_came(self) -> None:
        await self.come_together(3 * HANDSHAKES_AT_ONCE)
        for turn in range(4):
            expected = self.firsts(turn * HANDSHAKES_AT_ONCE, of=3 * HANDSHAKES_AT_ONCE)
            self.assertEqual(self.begun(), expected)
            self.turn()

    async def test_what_waits_counts(self) -> None:
        (hello,) = await self.come_together(1)
        self.assertEqual(self.ecm.registry.budget.total, len(hello))
        self.turn()
        self.assertGreater(self.ecm.registry.budget.total, HANDSHAKE_SIZE - 1)

    async def test_the_handshake_goes_on(self) -> None:
        await self.come_together(1)
        (client,) = self.clients
        self.turn()
        client.answer()
        self.turn()
        client.socket.sendall(client.tls.write(b"<stream:stream>"))
        await self.until(lambda: self.ecm.received())

    async def test_who_is_not_read_meanwhile_has_a_turn_afterwards(self) -> None:
        await self.come_together(1)
        self.ecm.registry.set_reading(False)
        self.turn()
        self.assertEqual(self.begun(), [False])
        self.ecm.registry.set_reading(True)
        self.turn()
        self.assertEqual(self.begun(), [True])

    async def test_who_is_paused_in_the_first_turn_is_not_polled_for_ever(self) -> None:
        await self.come_together(1)
        self.sockets._turns.ready()  # the turn begins, and another one in it stops reading
        self.ecm.registry.set_reading(False)
        self.ecm.registry.set_reading(True)
        self.turn()
        self.assertEqual(self.sockets._turns.ready(), [])

    async def test_who_says_nothing_behind_the_header_holds_nothing(self) -> None:
        await self.serve(streams_behind_a_proxy)
        (client,) = await self.come(silent=True)
        client.socket.sendall(HEADER)
        await self.until(lambda: self.connections)
        self.assertEqual(self.ecm.registry.budget.total, 0)

    async def test_who_waits_has_more_time(self) -> None:
        await self.come_together(1)
        self.ecm.pass_time(5 * HEADER_TIMEOUT)
        self.assertEqual(len(self.ecm.registry), 1)

    async def test_who_has_given_up_costs_no_handshake(self) -> None:
        await self.come_together(1)
        self.clients[0].socket.shutdown(SHUT_WR)
        self.turn()
        self.assertEqual((len(self.ecm.registry), self.ecm.registry.budget.total), (0, 0))
        self.clients.clear()


class OpensslProxiedTests(ProxiedTests):
    lean = False


class HeaderInTlsTests(HandshakesTestCase):
    async def test_the_handshake_was_the_proxys(self) -> None:
        """The request comes in one piece with the header, or behind it."""
        await self.serve(web_behind_a_proxy)
        for pieces in ([HEADER + GET], [HEADER, GET]):
            (client,) = await self.come()
            await self.until(lambda client=client: client.is_told)
            client.answer()
            for piece in pieces:
                client.socket.sendall(client.tls.write(piece))
                await self.until(lambda: len(self.connections) == len(self.clients))
            await self.until(lambda client=client: client.has(b"HTTP/1.1 404 "))
        for connection in self.connections:
            self.assertEqual(connection.phase, Phase.IDLE)
            self.assertIn(underlying(connection.transport), self.sockets.batch.readers)

    async def test_who_is_rejected_is_told_so(self) -> None:
        await self.serve(web_behind_a_proxy, max_connections=1)
        await self.come(silent=True)
        rejected = self.one_too_many()
        rejected.say_hello()
        await self.until(lambda: rejected.is_told)
        rejected.answer()
        rejected.socket.sendall(rejected.tls.write(HEADER + GET))
        await self.until(lambda: self.ecm.registry.rejected)
        self.turn()
        await self.until(lambda: rejected.has(b"HTTP/1.1 503 "))
        self.assertEqual(self.ecm.metrics.tls_faults, 0)


class OpensslHeaderInTlsTests(HeaderInTlsTests):
    lean = False


class TooManyTests(HandshakesTestCase):
    async def test_who_is_one_too_many_even_to_be_told_so_is_cut(self) -> None:
        self.patch(admission, "MAX_REJECTED", 1)
        await self.serve(max_connections=1)
        await self.come()
        _, cut = self.one_too_many(), self.one_too_many()
        await self.until(lambda: self.ecm.metrics.refused["limit"] == 2)
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(cut.socket.recv(100), b"")


class OpensslTooManyTests(TooManyTests):
    lean = False


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

    async def test_a_websocket_leaves_nothing_of_its_handshake_behind(self) -> None:
        """The head of its request comes in two pieces, and half a record behind it."""
        await self.serve()
        (client,) = await self.come()
        self.turn()
        client.answer()
        self.turn()
        head, rest = handshake()[:50], handshake()[50:]
        client.socket.sendall(client.tls.write(head))
        await self.until(lambda: self.connections[0].held)
        client.socket.sendall(client.tls.write(rest) + client.tls.write(bytes(1000))[:-1])
        await self.until(lambda: client.has(b"HTTP/1.1 101 "))
        client.socket.close()
        await self.until(lambda: not len(self.ecm.registry))
        self.assertEqual((self.ecm.registry.budget.total, len(self.ecm.registry.budget)), (0, 0))
        self.clients.clear()

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
