"""Answers that bypass the transport's write buffer, on real sockets."""

import socket
import struct
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol, wrapClientTLS
from twisted.internet.ssl import Certificate, optionsForClientTLS
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from ecm.http.request import RequestLimits
from ecm.http.request_parser import RequestParser
from ecm.net.transport import send_now, underlying
from testkit.certificates import make_certificate
from testkit.ecm_process import temporary_folder
from testkit.http_parser import parse
from testkit.in_memory import Joined
from testkit.on_port import serve
from testkit.raw_client import RawClient

LARGE = 1_000_000  # bytes; more than the kernel takes at once
POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"


@attrs.frozen
class Wire:
    """A transport, as far as ``send_now`` needs it, which keeps what is written to it."""

    socket: socket.socket
    kept: list[bytes] = attrs.field(factory=list)

    def write(self, data: bytes) -> None:
        self.kept.append(data)


class SendTests(TestCase):
    def setUp(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)
        self.ours.setblocking(False)

    def send(self, data: bytes) -> bytes:
        """Return what waits in the transport then."""
        wire = Wire(self.ours)
        waiting = send_now(wire, data)
        rest = b"".join(wire.kept)
        self.assertEqual(waiting, len(rest))
        return rest

    def test_all_is_sent_where_there_is_room(self) -> None:
        self.assertEqual(self.send(b"all"), b"")
        self.assertEqual(self.theirs.recv(10), b"all")

    def test_what_is_too_much_waits_in_the_transport(self) -> None:
        data = bytes(range(256)) * (LARGE // 256)
        rest = self.send(data)
        self.assertTrue(0 < len(rest) < len(data))
        self.assertTrue(data.endswith(rest))

    def test_nothing_is_sent_where_there_is_no_room(self) -> None:
        self.send(b"x" * LARGE)
        self.assertEqual(self.send(b"more"), b"more")

    def test_an_error_sends_nothing(self) -> None:
        self.theirs.close()
        self.assertEqual(self.send(b"lost"), b"lost")


class DirectTests(TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        self.ecm = Joined()
        self.port = await serve(self, self.ecm.clients)

    async def connected(self, data: bytes) -> RawClient:
        client = RawClient(data)
        await connectProtocol(self.endpoint(), client)
        self.addCleanup(self.gone, client)
        return client

    def endpoint(self) -> Any:
        return TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)

    def gone(self, client: RawClient) -> Deferred[bytes]:
        client.transport.abortConnection()
        return client.closed

    async def asked(self, count: int) -> list[int]:
        """Return the IDs of requests, once there are so many."""
        ids: list[int] = []
        while len(ids) < count:
            await deferLater(reactor, 0, lambda: None)
            ids += [connection_id for connection_id, _ in self.ecm.received()]
        return ids

    async def received(self, client: RawClient, end: bytes) -> bytes:
        while not client.received.endswith(end):
            await deferLater(reactor, 0, lambda: None)
        return client.received

    def small_buffer(self) -> None:
        """Give the only client's connection a small send buffer."""
        (connection,) = self.ecm.registry.open
        handle: Any = underlying(connection.transport).getHandle()
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    async def test_who_takes_it_at_once_is_never_counted(self) -> None:
        """If the head is cached: the budget of all connections is not asked."""
        client = await self.connected(POST)
        (connection_id,) = await self.asked(1)
        self.ecm.answer(connection_id, b"<first/>")
        await self.received(client, b"<first/>")
        self.patch(self.ecm.registry.budget, "update", self.fail)
        for turn in range(3):
            self.ecm.registry.head_cache.add(POST, parse(RequestParser(RequestLimits()), [POST])[0])
            client.transport.write(POST)
            (connection_id,) = await self.asked(1)
            self.ecm.answer(connection_id, b"<answer %d/>" % turn)
            await self.received(client, b"<answer %d/>" % turn)

    async def test_answers_of_which_the_kernel_takes_a_part_arrive_in_order(self) -> None:
        client = await self.connected(POST * 3)
        ids = await self.asked(3)
        client.transport.pauseProducing()
        self.small_buffer()
        bodies = [b"1" * LARGE, b"2" * LARGE, b"<last/>"]
        for connection_id, body in zip(ids, bodies, strict=True):
            self.ecm.answer(connection_id, body)
        client.transport.resumeProducing()
        received = await self.received(client, b"<last/>")
        found = [part.partition(b"\r\n\r\n")[2] for part in received.split(b"HTTP/1.1 200 OK\r\n")]
        self.assertEqual(found[1:], bodies)

    async def test_after_a_large_answer_the_next_ones_arrive(self) -> None:
        client = await self.connected(POST)
        (connection_id,) = await self.asked(1)
        self.small_buffer()
        self.ecm.answer(connection_id, b"1" * LARGE + b"<end/>")
        await self.received(client, b"<end/>")
        for body in (b"<by the queue/>", b"<at once/>"):
            client.transport.write(POST)
            (connection_id,) = await self.asked(1)
            self.ecm.answer(connection_id, body)
            await self.received(client, body)
        self.assertEqual(client.received.count(b"HTTP/1.1 200 OK"), 3)


class PlainTests(DirectTests):
    async def test_a_small_answer_is_sent_before_the_reactor_turns(self) -> None:
        client = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(client.close)
        client.sendall(POST)
        (connection_id,) = await self.asked(1)
        self.ecm.answer(connection_id, b"<answer/>")
        self.assertTrue(client.recv(1000).endswith(b"<answer/>"))

    async def test_a_client_that_has_reset_its_connection_is_no_error(self) -> None:
        client = socket.create_connection(("127.0.0.1", self.port))
        client.sendall(POST)
        (connection_id,) = await self.asked(1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.ecm.answer(connection_id, b"<answer/>")
        while len(self.ecm.clients):
            await deferLater(reactor, 0, lambda: None)
        self.assertEqual(self.flushLoggedErrors(), [])


class LeanTlsTests(DirectTests):
    """The same over TLS whose records are ours."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.ecm = Joined()
        self.certificate = make_certificate(temporary_folder(self))
        self.port = await serve(self, self.ecm.clients, self.certificate.endpoint())

    def endpoint(self) -> Any:
        options = optionsForClientTLS("localhost", Certificate.loadPEM(self.certificate.ca))
        return wrapClientTLS(options, super().endpoint())
