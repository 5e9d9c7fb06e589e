"""Twisted beyond its interfaces, as ecm.net uses it, on real sockets: fails when that changes."""

import os
import socket
import ssl
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from twisted.application.internet import ClientService
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, ISSLTransport
from twisted.internet.protocol import Factory, Protocol, ServerFactory, connectionDone
from twisted.internet.task import Clock, deferLater
from twisted.internet.testing import EventLoggingObserver
from twisted.internet.threads import deferToThread
from twisted.logger import globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.frontend.client import line_of
from ecm.http.client_address import TrustedProxies
from ecm.limits import READ_OF_RECORDS, READ_SIZE, SPARING_READ
from ecm.net import reactor as reactors
from ecm.net.batch import BatchedIO
from ecm.net.endpoints import server_endpoint
from ecm.net.lean_tls import LeanTransport
from ecm.net.listening import (
    DetachedPort,
    FactoryRecorder,
    close_behind_waiting,
    close_port,
    socket_of,
)
from ecm.net.reactor import global_reactor
from ecm.net.reconnecting import QuietClientService
from ecm.net.served import ServedConnection, ServedLocally, adopt, serving
from ecm.net.transport import (
    close_now,
    has_plain_socket,
    kernel_queue,
    read_sparingly,
    switch_protocol,
    underlying,
    unsent,
    wire_of,
    write_through,
)
from testkit.certificates import ServerCertificate, make_certificate
from testkit.ecm_process import temporary_folder
from testkit.in_memory import Joined
from testkit.memory_endpoint import MemoryEndpoint

LARGE = 10_000_000  # bytes; more than the kernel takes at once
TCP = "tcp:0:interface=127.0.0.1"


async def until(holds: Any) -> None:
    while not holds():
        await deferLater(reactor, 0, lambda: None)


class Served(Protocol):
    """Keeps what it receives."""

    transport: Any = None

    def __init__(self) -> None:
        self.received = b""
        self.most = 0  # bytes at a time
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.most = max(self.most, len(data))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class ServedFactory(ServerFactory):
    noisy = False

    def __init__(self) -> None:
        self.made: list[Served] = []

    def buildProtocol(self, addr: object) -> Served:
        self.made.append(Served())
        return self.made[-1]


class TransportTests(TestCase):
    async def listen(self, endpoint: str) -> IListeningPort:
        self.factory = ServedFactory()
        port: IListeningPort = await serverFromString(reactor, endpoint).listen(self.factory)
        self.addCleanup(close_port, port)
        self.port = serving(port)
        return self.port

    async def connected(self, endpoint: str = TCP) -> tuple[socket.socket, Served]:
        """Return a client's socket, and ECM's end of its connection."""
        address = socket_of(await self.listen(endpoint)).getsockname()
        client = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        client.connect(address)
        return client, await self.served(client)

    async def served(self, client: socket.socket) -> Served:
        self.addCleanup(client.close)
        await until(lambda: self.factory.made and self.factory.made[0].transport)
        served = self.factory.made[0]
        self.addCleanup(lambda: served.lost)
        self.addCleanup(lambda: served.lost.called or served.transport.abortConnection())
        return served

    async def over_tls(self) -> tuple[socket.socket, Served]:
        certificate = make_certificate(temporary_folder(self))
        port: Any = await self.listen(certificate.endpoint())
        context = ssl.create_default_context(cadata=certificate.ca.decode())

        def connect() -> socket.socket:
            plain = socket.create_connection(("127.0.0.1", port.getHost().port))
            return context.wrap_socket(plain, server_hostname="localhost")

        client = await deferToThread(connect)
        return client, await self.served(client)

    async def test_tcp_and_unix_have_a_plain_socket_and_tls_has_one_below(self) -> None:
        for endpoint in (TCP, f"unix:{temporary_folder(self)}/socket"):
            _, served = await self.connected(endpoint)
            self.assertTrue(has_plain_socket(served.transport))
            self.assertIs(underlying(served.transport), served.transport)
        _, served = await self.over_tls()
        self.assertTrue(ISSLTransport.providedBy(served.transport))
        self.assertFalse(has_plain_socket(served.transport))
        self.assertTrue(has_plain_socket(underlying(served.transport)))
        self.assertFalse(has_plain_socket(cast(Any, Joined().client().transport)))

    async def test_nothing_is_written_to_a_connection_that_has_closed(self) -> None:
        client, served = await self.connected()
        write_through(served.transport, b"before")
        self.assertEqual(client.recv(10), b"before")
        client.close()
        await served.lost
        write_through(served.transport, b"after")

    async def test_bytes_are_in_the_transport_in_the_kernel_or_acknowledged(self) -> None:
        client, served = await self.connected()
        before = sum(kernel_queue(served.transport))
        self.assertEqual(unsent(served.transport), 0)
        served.transport.write(bytes(LARGE))
        self.assertEqual(unsent(served.transport), LARGE)
        await until(lambda: unsent(served.transport) < LARGE)
        self.assertGreater(unsent(served.transport), 0)
        taken = sum(kernel_queue(served.transport)) - before
        self.assertEqual(taken + unsent(served.transport), LARGE)
        client.setblocking(False)
        await until(lambda: client.recv(LARGE) and not unsent(served.transport))

    async def test_the_kernel_knows_when_data_came_and_what_is_not_taken(self) -> None:
        client, served = await self.connected()
        client.send(b"data")
        await until(lambda: served.received)
        wire = wire_of(served.transport)
        assert wire is not None
        self.assertLess(wire.came, 10)
        self.assertGreater(wire.round_trip, 0)
        self.assertEqual(wire.outstanding, 0)
        served.transport.write(bytes(LARGE))
        wire = wire_of(served.transport)
        assert wire is not None
        self.assertEqual(wire.outstanding, LARGE)
        self.assertIsNone(wire_of(cast(Any, Joined().client().transport)))

    async def test_below_tls_they_wait_as_well(self) -> None:
        _, served = await self.over_tls()
        served.transport.write(bytes(LARGE))
        await until(lambda: unsent(served.transport))

    async def test_a_connection_that_is_closed_now_has_no_file_any_more(self) -> None:
        for client, served in (await self.connected(), await self.over_tls()):
            handle: Any = underlying(served.transport).getHandle()
            file = handle.fileno()
            self.assertTrue(os.path.exists(f"/proc/self/fd/{file}"))
            close_now(served.transport)
            self.assertFalse(os.path.exists(f"/proc/self/fd/{file}"))
            self.assertTrue(served.lost.called)
            client.close()

    async def test_what_comes_goes_to_the_protocol_that_it_was_switched_to(self) -> None:
        client, served = await self.connected()
        successor = Served()
        served.lost.callback(None)  # it hears of nothing any more
        switch_protocol(served.transport, successor)
        self.addCleanup(lambda: successor.lost)
        self.addCleanup(served.transport.abortConnection)
        client.sendall(b"for the successor")
        await until(lambda: successor.received)
        self.assertEqual((successor.received, served.received), (b"for the successor", b""))

    async def test_less_is_read_at_a_time_while_memory_is_short(self) -> None:
        client, served = await self.connected()
        self.addCleanup(read_sparingly, False)
        read_sparingly(True)
        client.sendall(bytes(5 * SPARING_READ))
        await until(lambda: len(served.received) == 5 * SPARING_READ)
        self.assertEqual(served.most, SPARING_READ)
        read_sparingly(False)
        client.sendall(bytes(5 * SPARING_READ))
        await until(lambda: len(served.received) == 10 * SPARING_READ)
        self.assertGreater(served.most, SPARING_READ)

    async def test_no_connection_is_read_for_long_while_others_wait(self) -> None:
        client, served = await self.connected()
        client.sendall(bytes(3 * READ_SIZE))
        await until(lambda: len(served.received) == 3 * READ_SIZE)
        self.assertLessEqual(served.most, READ_SIZE)

    async def test_one_may_read_less_at_a_time_than_others(self) -> None:
        client, served = await self.connected()
        transport: Any = served.transport
        transport.bufferSize = READ_OF_RECORDS
        client.sendall(bytes(3 * READ_OF_RECORDS))
        await until(lambda: len(served.received) == 3 * READ_OF_RECORDS)
        self.assertEqual(served.most, READ_OF_RECORDS)

    async def test_a_connection_tells_its_peer_and_its_file_and_keeps_neither(self) -> None:
        client, served = await self.connected()
        own, peer = socket_of(self.port).getsockname(), client.getsockname()
        transport: Any = served.transport
        self.assertIsInstance(transport, ServedConnection)
        self.assertEqual(transport.getPeer(), IPv4Address("TCP", *peer))
        self.assertEqual(transport.getHost(), IPv4Address("TCP", *own))
        self.assertEqual(transport.hostname, "127.0.0.1")
        self.assertEqual({transport.logPrefix(), repr(transport)}, {"client"})
        self.assertEqual(transport.fileno(), transport.getHandle().fileno())
        self.assertFalse({"client", "fileno", "hostname", "logstr"} & set(vars(transport)))
        client.close()
        await served.lost
        self.assertEqual(transport.fileno(), -1)
        self.assertEqual(transport.getPeer(), IPv4Address("TCP", *peer))

    async def test_over_ipv6_it_does_so_too(self) -> None:
        port = await self.listen(r"tcp6:0:interface=\:\:1")
        client = socket.create_connection(socket_of(port).getsockname()[:2])
        transport: Any = (await self.served(client)).transport
        self.assertEqual(transport.getPeer(), IPv6Address("TCP", *client.getsockname()))
        self.assertEqual(transport.getHost(), IPv6Address("TCP", *socket_of(port).getsockname()))

    async def test_of_each_request_it_tells_ejabberd_the_client(self) -> None:
        for (client, served), secure in ((await self.connected(), 0), (await self.over_tls(), 1)):
            line = b"request peer=127.0.0.1:%d secure=%d\n" % (client.getsockname()[1], secure)
            self.assertEqual(self.line_of(served.transport), line)
        lean: Any = LeanTransport()
        lean.transport = underlying(served.transport)
        self.assertEqual(self.line_of(lean), line)

    def line_of(self, transport: Any) -> bytes:
        connection: Any = SimpleNamespace(transport=transport, peer=None)
        return line_of(connection, cast(Any, SimpleNamespace(headers=[])), TrustedProxies())

    async def test_behind_what_knows_better_it_tells_what_that_knows(self) -> None:
        """Twisted's own endpoint for a PROXY header stands between the socket and the protocol."""
        port = await self.listen(f"haproxy:{TCP}")
        client = socket.create_connection(socket_of(port).getsockname())
        client.sendall(b"PROXY TCP4 192.0.2.9 127.0.0.1 4242 80\r\nrequest")
        served = await self.served(client)
        await until(lambda: served.received)
        self.assertEqual(self.line_of(served.transport), b"request peer=192.0.2.9:4242 secure=0\n")

    async def test_a_client_of_ipv4_is_one_on_a_port_for_both_families(self) -> None:
        port = await self.listen(r"tcp6:0:interface=\:\:")
        client = socket.create_connection(("127.0.0.1", socket_of(port).getsockname()[1]))
        transport: Any = (await self.served(client)).transport
        own = client.getsockname()
        self.assertEqual(transport.getPeer(), IPv4Address("TCP", *own))
        self.assertEqual(transport.getHost().host, "::ffff:127.0.0.1")
        self.assertEqual(self.line_of(transport), b"request peer=127.0.0.1:%d secure=0\n" % own[1])

    async def test_on_a_unix_socket_there_is_no_address(self) -> None:
        client, served = await self.connected(f"unix:{temporary_folder(self)}/socket")
        transport: Any = served.transport
        self.assertIsInstance(transport, ServedLocally)
        self.assertEqual(transport.getPeer(), UNIXAddress(None))
        self.assertEqual(self.line_of(transport), b"request secure=0\n")
        served.transport.write(b"data")
        self.assertEqual(await deferToThread(client.recv, 10), b"data")

    async def test_a_client_on_a_unix_socket_may_have_a_name(self) -> None:
        folder = temporary_folder(self)
        path = f"{folder}/socket"
        await self.listen(f"unix:{path}")
        for name in (f"\0{folder}", os.fsencode(folder) + b"/na\xffme"):
            client = socket.socket(socket.AF_UNIX)
            client.bind(name)
            client.connect(path)
            self.factory.made.clear()
            served = await self.served(client)
            served.transport.write(b"data")
            self.assertEqual(await deferToThread(client.recv, 10), b"data")

    async def test_a_socket_that_is_not_taken_over_stays_whole(self) -> None:
        """Its file is closed with it then, as where there is no memory for another one."""
        with socket.socket() as own, mock.patch("_socket.socket", side_effect=MemoryError):
            self.assertRaises(MemoryError, ServedConnection, own, None, ("127.0.0.1", 1))
            self.assertGreaterEqual(own.fileno(), 0)

    async def test_a_list_is_there_while_something_waits_that_was_written(self) -> None:
        client, served = await self.connected()
        transport: Any = served.transport
        transport.write(b"one, ")
        transport.write(b"two")
        self.assertEqual(transport._pieces, [b"one, ", b"two"])
        self.assertEqual(await deferToThread(client.recv, 100), b"one, two")
        self.assertIsNone(transport._pieces)

    async def test_adopted_connections_are_such_too(self) -> None:
        folder = temporary_folder(self)
        for endpoint in (TCP, r"tcp6:0:interface=\:\:1", f"unix:{folder}/socket"):
            port: Any = await serverFromString(reactor, endpoint).listen(ServedFactory())
            detached = DetachedPort(port)
            client = socket.socket(detached.family)
            client.connect(socket_of(port).getsockname())
            self.factory = ServedFactory()
            with detached.accept() as accepted:
                adopt(global_reactor(), accepted.fileno(), detached.family, self.factory)
            served = await self.served(client)
            kind = ServedLocally if detached.family == socket.AF_UNIX else ServedConnection
            self.assertIsInstance(served.transport, kind)
            client.sendall(b"data")
            await until(lambda: served.received == b"data")  # noqa: B023
            detached.close()

    async def test_another_reactor_reads_a_transport(self) -> None:
        batch = BatchedIO(global_reactor())
        self.addCleanup(batch.stop)
        batch.start()
        for client, served in (await self.connected(), await self.over_tls()):
            batch.add(served.transport)
            self.assertIs(cast(Any, underlying(served.transport)).reactor, batch)
            await deferToThread(client.sendall, b"x")
            await until(lambda: served.received == b"x")  # noqa: B023
            close_now(served.transport)


class PortTests(TestCase):
    async def test_a_detached_port_accepts_for_itself_alone(self) -> None:
        factory = ServedFactory()
        port: Any = await serverFromString(reactor, TCP).listen(factory)
        detached = DetachedPort(port)
        self.assertEqual(detached.family, socket.AF_INET)
        address = ("127.0.0.1", port.getHost().port)
        with socket.create_connection(address) as client:
            await deferLater(reactor, 0.01, lambda: None)
            with detached.accept() as accepted:
                self.assertEqual(accepted.getpeername(), client.getsockname())
        self.assertRaises(BlockingIOError, detached.accept)
        self.assertEqual(factory.made, [])
        detached.close()
        self.assertRaises(ConnectionRefusedError, socket.create_connection, address)

    async def test_a_port_is_closed_behind_the_connections_that_wait(self) -> None:
        factory = ServedFactory()
        port: Any = await serverFromString(reactor, f"{TCP}:backlog=200").listen(factory)
        address = ("127.0.0.1", port.getHost().port)
        clients = [socket.create_connection(address) for _ in range(120)]
        close_behind_waiting(port)
        self.assertRaises(ConnectionRefusedError, socket.create_connection, address)
        self.assertEqual(len(factory.made), 120)
        for client in clients:
            client.close()
        for served in factory.made:
            await served.lost

    async def test_a_unix_socket_that_is_closed_so_has_no_file_any_more(self) -> None:
        path = temporary_folder(self) / "socket"
        close_behind_waiting(
            await serverFromString(reactor, f"unix:{path}").listen(ServedFactory())
        )
        self.assertFalse(path.exists())


class RecorderTests(TestCase):
    def setUp(self) -> None:
        self.folder = temporary_folder(self)

    def recorded(self, endpoint: str) -> tuple[Factory, Any]:
        """Return the factory that the endpoint is given, and what it would listen with."""
        recorder, factory = FactoryRecorder(), ServedFactory()
        server_endpoint(recorder, endpoint, lean=False).listen(factory)
        return factory, recorder.factory()

    def certificate(self) -> ServerCertificate:
        return make_certificate(self.folder)

    def test_with_tcp_and_unix_it_is_the_same(self) -> None:
        for endpoint in ("tcp:80", r"tcp6:80:interface=\:\:1", f"unix:{self.folder}/socket"):
            factory, recorded = self.recorded(endpoint)
            self.assertIs(recorded, factory)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_with_tls_there_is_tls_around_it(self) -> None:
        files = self.certificate().endpoint()
        (self.folder / "both.pem").write_bytes(
            (self.folder / "key.pem").read_bytes() + (self.folder / "cert.pem").read_bytes()
        )
        for endpoint in (files, f"tls:{self.folder}:port=443"):
            factory, recorded = self.recorded(endpoint)
            self.assertIsNot(recorded, factory)
            transport = recorded.buildProtocol(None)
            self.assertTrue(ISSLTransport.providedBy(transport))
            self.assertIs(transport.wrappedProtocol, cast(ServedFactory, factory).made[0])


class ReactorTests(TestCase):
    def test_the_kind_of_a_reactor_has_what_installs_it(self) -> None:
        kind = reactors.kind_of(global_reactor())
        self.assertTrue(callable(getattr(__import__(kind, fromlist=["install"]), "install", None)))

    def test_it_is_known_that_there_is_one(self) -> None:
        self.assertTrue(reactors.is_installed())


class ReconnectingTests(TestCase):
    def levels_of_a_refusal(self, kind: type[ClientService]) -> list[str]:
        """Return the levels of the lines of a connection that is refused once."""
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        endpoint = MemoryEndpoint()
        endpoint.refuses = True
        service = kind(endpoint, Factory.forProtocol(Protocol), lambda _: 1.0, Clock())
        service.startService()
        self.addCleanup(service.stopService)
        return [event["log_level"].name for event in log]

    def test_an_attempt_to_connect_is_a_line_for_everybody_or_for_debugging(self) -> None:
        self.assertEqual(self.levels_of_a_refusal(ClientService), ["info"])
        self.assertEqual(self.levels_of_a_refusal(QuietClientService), ["debug"])
