"""Batched I/O: many sockets read and written in one iteration of the reactor."""

import socket
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from ecm.net.batch import BatchedIO
from ecm.net.pace import Pace
from ecm.net.reactor import global_reactor
from testkit.on_port import serve
from testkit.raw_client import RawClient

LARGE = 10_000_000  # bytes; more than the kernel takes at once


class Bug(Exception):
    """An error in ECM."""


class Served(Protocol):
    """Keeps what it receives, and calls the test's ``act`` with it."""

    transport: Any

    def __init__(self, case: "BatchedIOTests") -> None:
        self.case = case
        self.received = b""
        self.lost: Failure | None = None

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def ended_by(self, error: type[Exception]) -> bool:
        return self.lost is not None and self.lost.check(error) is not None

    def connectionMade(self) -> None:
        self.case.batch.add(self.transport)
        self.case.served.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data
        self.case.act(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason


class ServedFactory(ServerFactory):
    def __init__(self, case: "BatchedIOTests") -> None:
        self.case = case

    def buildProtocol(self, addr: IAddress | None) -> Served:
        return Served(self.case)


def send_at_once(client: RawClient, data: bytes) -> None:
    """Send past the transport: what several clients send so arrives in one iteration."""
    handle: Any = client.transport.getHandle()
    handle.send(data)


class Rests(Pace):
    """Counts the turns behind which a rest may be due."""

    def __init__(self) -> None:
        super().__init__(global_reactor())
        self.count = 0

    def keep(self) -> None:
        self.count += 1


class BatchedIOTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]
        self.served: list[Served] = []
        self.act: Callable[[Served, bytes], object] = lambda served, data: served.write(data)
        self.rests = Rests()
        self.batch = BatchedIO(global_reactor(), pace=self.rests)
        self.batch.start()
        self.addCleanup(lambda: self.batch.stop())
        self.port = await serve(self, ServedFactory(self))

    async def connected(self, number: int = 1) -> list[RawClient]:
        clients = [RawClient(b"") for _ in range(number)]
        for client in clients:
            endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", self.port)
            await connectProtocol(endpoint, client)
            self.addCleanup(self.gone, client)
            await self.until(lambda: len(self.served) == clients.index(client) + 1)  # noqa: B023
        return clients

    def gone(self, client: RawClient) -> Deferred[bytes]:
        for served in self.served:
            served.transport.resumeProducing()  # one that is not read would not hear of it
        client.transport.abortConnection()
        return client.closed

    async def until(self, holds: Callable[[], object]) -> None:
        while not holds():
            await deferLater(reactor, 0, lambda: None)

    async def test_what_comes_is_read_and_what_is_written_is_sent(self) -> None:
        (client,) = await self.connected()
        for text in (b"one", b"two"):
            client.transport.write(text)
            await self.until(lambda: client.received.endswith(text))  # noqa: B023
        self.assertEqual(client.received, b"onetwo")

    async def test_what_all_write_to_one_is_sent_after_all_were_read(self) -> None:
        """As the requests on a link: in one piece, not one for each."""
        clients = await self.connected(3)
        sent: list[bytes] = []
        link = self.served[0].transport

        def send(data: bytes) -> int:
            sent.append(data)
            return len(data)

        self.patch(link, "writeSomeData", send)
        self.act = lambda _, data: link.write(data)
        for client, text in zip(clients, (b"a", b"b", b"c"), strict=True):
            send_at_once(client, text)
        await self.until(lambda: sent)
        self.assertEqual(sorted(b"".join(sent)), sorted(b"abc"))
        self.assertEqual(len(sent), 1)

    async def test_what_is_left_for_the_end_is_done_once_all_were_read(self) -> None:
        clients = await self.connected(3)
        order: list[str] = []

        def act(_: Served, data: bytes) -> None:
            order.append(data.decode())
            self.batch.at_end(lambda: order.append("end"))

        self.act = act
        for client, text in zip(clients, (b"a", b"b", b"c"), strict=True):
            send_at_once(client, text)
        await self.until(lambda: order.count("end") == 3)
        self.assertEqual(sorted(order[:3]), ["a", "b", "c"])

    async def test_what_is_left_while_something_is_sent_is_done_too(self) -> None:
        """As the next request of a client that has taken its response."""
        (client,) = await self.connected()
        wire = self.served[0].transport
        done: list[str] = []

        def send(data: bytes) -> int:
            self.batch.at_end(lambda: done.append("end"))
            return len(data)

        self.patch(wire, "writeSomeData", send)
        send_at_once(client, b"x")
        await self.until(self.batch.readers.epoll.poll)
        self.batch.doRead()
        self.assertEqual(done, ["end"])

    async def test_outside_of_an_iteration_it_is_done_at_once(self) -> None:
        done: list[str] = []
        self.batch.at_end(lambda: done.append("end"))
        self.assertEqual(done, ["end"])

    async def test_an_error_at_the_end_keeps_nothing_else_from_its_end(self) -> None:
        def fail() -> None:
            raise Bug

        clients = await self.connected(2)
        done: list[bytes] = []

        def act(_: Served, data: bytes) -> None:
            self.batch.at_end(fail)
            self.batch.at_end(lambda: done.append(data))

        self.act = act
        for client in clients:
            send_at_once(client, b"x")
        await self.until(lambda: len(done) == 2)
        self.assertEqual(len(self.flushLoggedErrors(Bug)), 2)

    async def read_by_one_iteration(self, enough: int) -> list[bytes]:
        """Return what is read where two have sent, and the first has the third send at once."""
        self.batch.readers.enough = enough
        *clients, third = await self.connected(3)
        read: list[bytes] = []

        def act(_: Served, data: bytes) -> None:
            if not read:
                send_at_once(third, b"third")
            read.append(data)

        self.act = act
        for client in clients:
            send_at_once(client, b"both")
        self.batch.doRead()
        found = read.copy()
        await self.until(lambda: len(read) == 3)
        return found

    async def test_what_comes_while_others_are_read_is_read_with_them(self) -> None:
        read = await self.read_by_one_iteration(enough=3)
        self.assertEqual(read, [b"both", b"both", b"third"])

    async def test_the_reactor_has_its_turn_once_enough_is_read(self) -> None:
        self.assertEqual(await self.read_by_one_iteration(enough=2), [b"both", b"both"])

    async def test_it_has_its_turn_though_all_others_could_be_read_at_once(self) -> None:
        self.batch.readers.enough = 2
        clients = await self.connected(5)
        for client in clients:
            send_at_once(client, b"x")
        turns: list[int] = []
        for _ in range(3):
            self.batch.doRead()
            turns.append(sum(len(served.received) for served in self.served))
        self.assertEqual(turns, [2, 4, 5])

    async def test_a_turn_that_has_read_several_may_be_followed_by_a_rest(self) -> None:
        await self.read_by_one_iteration(enough=4)
        self.assertEqual(self.rests.count, 1)

    async def test_there_is_no_rest_while_more_may_be_readable(self) -> None:
        await self.read_by_one_iteration(enough=3)
        self.assertEqual(self.rests.count, 0)

    async def test_there_is_no_rest_behind_a_single_one(self) -> None:
        (client,) = await self.connected()
        send_at_once(client, b"x")
        await self.until(lambda: client.received)
        self.assertEqual(self.rests.count, 0)

    async def test_what_is_read_may_stop_it(self) -> None:
        """As the last answers do while ECM stops."""
        stopped = self.batch
        for client in await self.connected(2):
            send_at_once(client, b"x")

        def act(served: Served, _: bytes) -> None:
            served.transport.abortConnection()
            self.served.remove(served)
            if not self.served:
                stopped.stop()

        self.act = act
        self.batch = BatchedIO(global_reactor())  # for the end of the test
        self.batch.start()
        await self.until(lambda: stopped.readers.epoll.closed)

    async def test_one_that_is_paused_is_not_read(self) -> None:
        first, second = await self.connected(2)
        self.served[0].transport.pauseProducing()
        first.transport.write(b"waits")
        second.transport.write(b"comes")
        await self.until(lambda: second.received)
        self.assertEqual(self.served[0].received, b"")
        self.served[0].transport.resumeProducing()
        await self.until(lambda: first.received == b"waits")

    async def test_one_that_another_has_paused_in_the_same_iteration_is_not_read(self) -> None:
        clients = await self.connected(2)

        def pause_other(served: Served, _: bytes) -> None:
            self.served[1 - self.served.index(served)].transport.pauseProducing()

        self.act = pause_other
        for client in clients:
            send_at_once(client, b"x")
        await self.until(lambda: any(each.received for each in self.served))
        self.assertEqual(b"".join(each.received for each in self.served), b"x")

    async def test_a_client_that_closes_is_lost(self) -> None:
        (client,) = await self.connected()
        client.transport.loseConnection()
        await self.until(lambda: self.served[0].lost)
        self.assertTrue(self.served[0].ended_by(ConnectionDone))

    async def test_a_client_that_is_reset_is_lost(self) -> None:
        (client,) = await self.connected()
        client.transport.abortConnection()
        await self.until(lambda: self.served[0].lost)
        self.assertTrue(self.served[0].ended_by(ConnectionLost))

    async def test_a_connection_that_we_close_is_closed(self) -> None:
        clients = await self.connected(2)

        def close(served: Served, _: bytes) -> None:
            is_first = served is self.served[0]
            (served.transport.loseConnection if is_first else served.transport.abortConnection)()

        self.act = close
        for client in clients:
            client.transport.write(b"x")
        await self.until(lambda: all(each.lost for each in self.served))
        self.assertTrue(self.served[0].ended_by(ConnectionDone))
        self.assertTrue(self.served[1].ended_by(ConnectionAborted))

    async def test_an_error_closes_the_connection_that_it_is_on(self) -> None:
        first, second = await self.connected(2)

        def fail(served: Served, data: bytes) -> None:
            if served is self.served[0]:
                raise Bug
            served.write(data)

        self.act = fail
        send_at_once(first, b"x")
        send_at_once(second, b"y")
        await self.until(lambda: self.served[0].lost and second.received == b"y")
        self.assertTrue(self.served[0].ended_by(Bug))
        self.assertEqual(len(self.flushLoggedErrors(Bug)), 1)

    async def test_what_the_kernel_does_not_take_at_once_is_sent_later(self) -> None:
        (client,) = await self.connected()
        self.served[0].transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.act = lambda served, _: served.write(b"z" * LARGE)
        client.transport.write(b"x")
        await self.until(lambda: len(client.received) == LARGE)

    async def test_what_is_written_between_iterations_is_sent(self) -> None:
        (client,) = await self.connected()
        self.served[0].transport.write(b"unasked")
        await self.until(lambda: client.received == b"unasked")

    async def test_when_the_reactor_ends_all_are_told(self) -> None:
        await self.connected(2)
        self.batch.connectionLost(Failure(ConnectionLost()))
        self.assertTrue(all(each.lost for each in self.served))
