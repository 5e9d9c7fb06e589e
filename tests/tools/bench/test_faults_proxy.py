"""The network of the lab: what it carries, and what it does when it fails."""

import socket
import time
from contextlib import closing

from twisted.trial.unittest import SynchronousTestCase

from bench.faults.stack import Network

TIMEOUT = 10.0  # seconds for what is to come
SHORT = 0.2  # seconds in which nothing is to come


def received(end: socket.socket, size: int) -> bytes:
    """Return so many bytes, or fewer where there are no more."""
    data = b""
    while len(data) < size and (more := end.recv(size - len(data))):
        data += more
    return data


class ProxyTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = self.enterContext(closing(socket.create_server(("127.0.0.1", 0))))
        self.server.settimeout(TIMEOUT)
        self.network = Network(self.server.getsockname()[1])
        self.addCleanup(self.network.process.stop)
        self.network.start()

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return both ends of a connection through the proxy."""
        client = self.dial()
        return client, self.accept()

    def dial(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.network.port), TIMEOUT)
        return self.enterContext(closing(client))

    def accept(self) -> socket.socket:
        server, _ = self.server.accept()
        server.settimeout(TIMEOUT)
        return self.enterContext(closing(server))

    def passes(self, source: socket.socket, target: socket.socket) -> None:
        source.sendall(b"hello")
        self.assertEqual(received(target, 5), b"hello")

    def is_silent(self, end: socket.socket) -> None:
        end.settimeout(SHORT)
        self.assertRaises(TimeoutError, end.recv, 1)
        end.settimeout(TIMEOUT)

    def test_bytes_pass_both_ways_and_so_does_the_end(self) -> None:
        client, server = self.connect()
        self.passes(client, server)
        self.passes(server, client)
        client.close()
        self.assertEqual(server.recv(1), b"")

    def test_a_reset_is_one_at_both_ends(self) -> None:
        ends = self.connect()
        self.passes(*ends)
        self.network.do("cut rst")
        for end in ends:
            self.assertRaises(ConnectionResetError, end.recv, 1)
        self.passes(*self.connect())

    def test_an_end_is_one_at_both_ends(self) -> None:
        ends = self.connect()
        self.passes(*ends)
        self.network.do("cut fin")
        for end in ends:
            self.assertEqual(end.recv(1), b"")

    def test_what_was_silent_comes_later_whole(self) -> None:
        client, server = self.connect()
        self.passes(client, server)
        self.network.do("silent both")
        client.sendall(b"late")
        client.shutdown(socket.SHUT_WR)
        self.is_silent(server)
        self.network.do("alive")
        self.assertEqual(received(server, 5), b"late")
        self.passes(server, client)

    def test_a_silent_network_carries_no_new_connection(self) -> None:
        self.network.do("silent both")
        client = self.dial()
        client.sendall(b"hello")
        self.server.settimeout(SHORT)
        self.assertRaises(TimeoutError, self.server.accept)
        self.network.do("alive")
        self.server.settimeout(TIMEOUT)
        self.assertEqual(received(self.accept(), 5), b"hello")

    def test_one_direction_may_be_silent(self) -> None:
        client, server = self.connect()
        self.network.do("silent up")
        self.passes(server, client)
        client.sendall(b"late")
        self.is_silent(server)

    def test_a_half_open_connection_stays_dead_and_a_new_one_lives(self) -> None:
        client, server = self.connect()
        self.passes(client, server)
        self.network.do("half-open down")
        self.passes(client, server)
        server.sendall(b"lost")
        self.is_silent(client)
        self.network.do("alive")
        self.is_silent(client)
        self.passes(*reversed(self.connect()))

    def test_who_is_refused_may_come_later(self) -> None:
        client, _ = self.connect()
        self.network.do("refuse")
        self.assertRaises(ConnectionResetError, client.recv, 1)
        self.assertRaises(ConnectionRefusedError, self.dial)
        self.network.do("accept")
        self.passes(*self.connect())

    def test_a_slow_link_carries_so_much_a_second(self) -> None:
        client, server = self.connect()
        self.network.do("slow 20000")
        began = time.monotonic()
        client.sendall(b"x" * 6_000)
        self.assertEqual(len(received(server, 6_000)), 6_000)
        self.assertGreater(time.monotonic() - began, 0.29)
        self.network.do("alive")
        self.passes(server, client)
