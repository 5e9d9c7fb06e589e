"""The send buffers of clients' connections, and what is in them."""

import os
import socket
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.changes import Changes
from ecm.frontend.listen import listen_at_once
from ecm.net.listening import socket_of
from ecm.net.reactor import global_reactor
from ecm.net.transport import kernel_queue
from ecm.one_process import OneProcess
from ecm.workers.ports import Ports
from testkit.command_line import parse
from testkit.in_memory import Joined
from testkit.on_port import serve

LOOPBACK = "tcp:0:interface=127.0.0.1"


class KernelTests(TestCase):
    async def test_it_is_known_what_is_taken_and_what_is_not(self) -> None:
        ecm = Joined()
        port = await serve(self, ecm.clients)
        with socket.create_connection(("127.0.0.1", port)) as client:
            while not ecm.registry.open:
                await deferLater(reactor, 0, lambda: None)
            ((connection, _),) = ecm.registry.open.items()
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
            while ecm.registry.open:
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

        port: Any = listen_at_once(LOOPBACK, Factory.forProtocol(Made), global_reactor())
        self.addCleanup(port.stopListening)
        with socket.create_connection(("127.0.0.1", port.getHost().port)):
            while not made:
                await deferLater(reactor, 0, lambda: None)
            transport: Any = made[0].transport
            self.assertEqual(self.buffer(transport.getHandle()), self.BUFFER)
            transport.abortConnection()

    async def test_ports_of_one_process_have_it(self) -> None:
        settings = parse("--listen", LOOPBACK, "--proxy-protocol", LOOPBACK).settings
        service = OneProcess(settings, lambda: Changes((), ()), global_reactor())
        service.privilegedStartService()
        for listening in service.ports:
            port: Any = await listening
            self.addCleanup(port.stopListening)
            self.assertEqual(self.buffer(socket_of(port)), self.BUFFER)

    async def test_ports_of_the_supervisor_have_it(self) -> None:
        ports = Ports(lambda place, family, connection: False, global_reactor())
        self.addCleanup(ports.close)
        ports.open(parse("--listen", LOOPBACK).settings)
        [port] = ports._open.values()
        with socket.socket(fileno=os.dup(port.acceptor.fileno())) as listening:
            self.assertEqual(self.buffer(listening), self.BUFFER)
