"""What the kernel holds for clients that do not take it."""

import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.net import ack_timeout
from ecm.net.ack_timeout import AckTimeout
from ecm.net.reactor import global_reactor
from ecm.net.send_buffer import BoundedSendBuffer
from ecm.net.transport import kernel_queue
from ecm.service import OneProcess
from ecm.workers.supervisor import Supervisor
from testkit.command_line import parse
from testkit.in_memory import Joined
from testkit.on_port import serve

TIME = 30
LOOPBACK = "tcp:0:interface=127.0.0.1"


class Taker:
    """A connection that is its own transport; ``queue`` is what the kernel says of it."""

    def __init__(self) -> None:
        self.transport: Any = self
        self.queue = (0, 0)
        self.cut = False

    def abortConnection(self) -> None:
        self.cut = True


class TakingTests(TestCase):
    def setUp(self) -> None:
        self.patch(ack_timeout, "kernel_queue", lambda taker: taker.queue)
        self.ack_timeout = AckTimeout(TIME)
        self.taker = Taker()
        self.now = 0

    def sent(self, taken: int, queued: int) -> None:
        self.taker.queue = (taken, queued)
        self.ack_timeout.watch(self.taker)

    def pass_time(self, seconds: int) -> bool:
        """Let so many ticks pass; return whether the client was cut."""
        for _ in range(seconds):
            self.now += 1
            self.ack_timeout.tick(self.now)
        return self.taker.cut

    def test_who_has_taken_all_is_looked_at_no_more(self) -> None:
        self.sent(20_000, 0)
        self.assertIn(self.taker, self.ack_timeout)
        self.pass_time(1)
        self.assertNotIn(self.taker, self.ack_timeout)

    def test_who_takes_nothing_is_cut(self) -> None:
        self.sent(1, 20_000)
        self.assertFalse(self.pass_time(TIME))
        self.assertTrue(self.pass_time(1))

    def test_so_is_who_takes_a_part(self) -> None:
        self.sent(1, 20_000)
        self.pass_time(1)
        self.sent(20_000, 40_000)
        self.assertTrue(self.pass_time(TIME))

    def test_for_more_there_is_more_time(self) -> None:
        self.sent(1, limits.SEND_SIZE)
        self.assertFalse(self.pass_time(2 * TIME))
        self.assertTrue(self.pass_time(1))

    def test_who_takes_what_there_was_may_have_more_to_take(self) -> None:
        for turn in range(10):
            self.sent(1 + turn * 20_000, 20_000)
            self.assertFalse(self.pass_time(TIME))
        self.assertTrue(self.pass_time(1))

    def test_who_has_gone_is_forgotten(self) -> None:
        self.sent(1, 20_000)
        self.ack_timeout.unwatch(self.taker)
        self.assertFalse(self.pass_time(100))


class ConnectionTests(TestCase):
    """Of which connections it is looked at: those on which some bytes were sent."""

    def setUp(self) -> None:
        self.patch(ack_timeout, "kernel_queue", lambda transport: (1, 1))
        self.ecm = Joined(max_connections=1)
        self.client = self.ecm.client()

    def answered(self, body: bytes) -> bool:
        self.client.post(b"ask")
        ((connection_id, _),) = self.ecm.received()
        self.ecm.answer(connection_id, body)
        return self.client.protocol in self.ecm.clients.ack_timeout

    def test_of_one_large_answer_or_many_small_ones(self) -> None:
        self.assertTrue(self.answered(b"x" * 16_384))
        self.client.leave()
        self.assertNotIn(self.client.protocol, self.ecm.clients.ack_timeout)
        self.client = self.ecm.client()
        answers = 1
        while not self.answered(b"x" * 100):
            answers += 1
        self.assertTrue(30 <= answers <= limits.LOOK_AFTER, answers)

    def test_the_memory_of_a_connection_is_that_of_a_small_number(self) -> None:
        protocol: Any = self.client.protocol
        for size in (100, 16_000, 200_000, 300):
            self.answered(b"x" * size)
            self.assertLessEqual(protocol._sent, 256)  # of which Python has one each

    def test_a_connection_with_something_to_take_is_not_idle(self) -> None:
        self.answered(b"x" * 20_000)
        self.ecm.pass_time(10)
        self.assertTrue(self.ecm.client().ended)
        self.ecm.clients.ack_timeout.unwatch(self.client.protocol)
        self.ecm.pass_time(1)
        self.assertFalse(self.ecm.client().ended)

    def test_it_is_cut_though_another_request_is_held(self) -> None:
        self.answered(b"x" * 20_000)
        self.client.post(b"held")
        self.ecm.pass_time(limits.SEND_TIMEOUT)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)


class KernelTests(TestCase):
    async def test_it_is_known_what_is_taken_and_what_is_not(self) -> None:
        ecm = Joined()
        port = await serve(self, ecm.clients)
        with socket.create_connection(("127.0.0.1", port)) as client:
            while not ecm.clients._open:
                await deferLater(reactor, 0, lambda: None)
            ((connection, _),) = ecm.clients._open.items()
            before, _ = kernel_queue(connection.transport)
            handle: Any = connection.transport.getHandle()
            sent = 0
            while sent < 10_000_000:
                try:
                    sent += handle.send(bytes(100_000))
                except BlockingIOError:
                    break
            taken, queued = kernel_queue(connection.transport)
            self.assertEqual(taken + queued, before + sent)
            self.assertGreater(queued, 0)
            while sent:
                sent -= len(client.recv(1_000_000))
            while queued:
                await deferLater(reactor, 0, lambda: None)
                _, queued = kernel_queue(connection.transport)
            connection.transport.abortConnection()
            while ecm.clients._open:
                await deferLater(reactor, 0, lambda: None)
        self.assertEqual(kernel_queue(connection.transport), (0, 0))

    def test_where_there_is_no_socket_nothing_is_known(self) -> None:
        self.assertEqual(kernel_queue(Joined().client().transport), (0, 0))  # type: ignore[arg-type]


class SendBufferTests(TestCase):
    BUFFER = 2 * limits.SEND_BUFFER  # as Linux counts it (socket(7))

    def buffer(self, has_socket: Any) -> int:
        size: int = has_socket.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return size

    async def test_each_connection_has_that_of_the_port(self) -> None:
        made: list[Protocol] = []

        class Made(Protocol):
            def connectionMade(self) -> None:
                made.append(self)

        endpoint = BoundedSendBuffer(TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"))
        port: Any = await endpoint.listen(Factory.forProtocol(Made))
        self.addCleanup(port.stopListening)
        with socket.create_connection(("127.0.0.1", port.getHost().port)):
            while not made:
                await deferLater(reactor, 0, lambda: None)
            transport: Any = made[0].transport
            self.assertEqual(self.buffer(transport.getHandle()), self.BUFFER)
            transport.abortConnection()

    async def test_ports_of_one_process_have_it(self) -> None:
        settings = parse("--listen", LOOPBACK, "--proxy-protocol", LOOPBACK).settings
        service = OneProcess(settings, global_reactor())
        service.privilegedStartService()
        for listening in service.ports:
            port: Any = await listening
            self.addCleanup(port.stopListening)
            self.assertEqual(self.buffer(port.socket), self.BUFFER)

    async def test_ports_of_the_supervisor_have_it(self) -> None:
        port: Any = Supervisor(parse().settings, [], global_reactor())._listen(LOOPBACK)
        self.addCleanup(port.stopListening)
        self.assertEqual(self.buffer(port.socket), self.BUFFER)
