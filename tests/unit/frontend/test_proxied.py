"""Connections that begin with a PROXY header."""

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.connection import ClientConnection
from ecm.frontend.http import HTTPConnection
from ecm.frontend.proxied import ProxiedFactory
from ecm.limits import MAX_REJECTED
from ecm.link.message import request_line
from ecm.link.settings import LinkSettings
from testkit.in_memory import Client, Joined
from testkit.samples.proxy_headers import HEADERS, NO_HEADERS, SIGNATURE, version2


class ProxiedTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined(max_connections_per_address=1)

    def client(self) -> Client:
        factory = ProxiedFactory(self.ecm.clients)
        protocol = factory.buildProtocol(IPv4Address("TCP", "10.0.0.1", 1))
        assert protocol is not None
        return Client(protocol, self.ecm.reactor, "10.0.0.1")

    def test_those_that_say_nothing_are_bounded(self) -> None:
        self.ecm = Joined(max_connections=2)
        silent = [self.client() for _ in range(2 + MAX_REJECTED)]
        self.assertIsNone(ProxiedFactory(self.ecm.clients).buildProtocol(None))
        self.assertIn(b"too many connections.", silent[0].send(next(iter(HEADERS))))
        for client in silent:
            client.leave()
        self.assertFalse(self.client().ended)

    def test_the_address_of_the_header_counts_in_any_pieces(self) -> None:
        self.ecm = Joined(link=LinkSettings(), max_connections_per_address=1)
        told: list[bytes] = []
        self.patch(self.ecm.pool, "request", lambda _, line, body: told.append(line))
        request = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
        for data, source in HEADERS.items():
            for step in (1, 1000):
                client = self.client()
                for at in range(0, len(data + request), step):
                    client.send((data + request)[at : at + step])
                address, port, secure = source or ("10.0.0.1", 51234, False)
                self.assertEqual(told.pop(), request_line(address, port, bool(secure)))
                client.leave()
        self.assertEqual(len(self.ecm.clients), 0)

    def test_the_connection_is_opened_once_when_the_header_is_there(self) -> None:
        opened: list[ClientConnection] = []
        self.patch(self.ecm.registry, "opened", opened.append)
        client = self.client()
        client.send(SIGNATURE)
        self.assertEqual((opened, len(self.ecm.registry.open)), ([], 0))
        self.assertEqual(len(self.ecm.clients), 1)  # it is one of all that there may be
        client.send(version2(0x20, 0x00, b"")[len(SIGNATURE) :])
        self.assertEqual(len(opened), 1)
        self.assertIsInstance(opened[0], HTTPConnection)

    def test_what_has_come_of_a_header_counts_as_held(self) -> None:
        client = self.client()
        client.send(SIGNATURE)
        self.assertEqual(len(self.ecm.registry.budget), 1)
        client.leave()
        self.assertEqual(len(self.ecm.registry.budget), 0)

    def test_the_end_waits_for_a_connection_that_takes_its_place(self) -> None:
        client = self.client()
        drained = self.ecm.registry.drain()
        client.send(version2(0x20, 0x00, b""))
        self.assertNoResult(drained)
        client.leave()
        self.successResultOf(drained)

    def test_garbage_is_cut(self) -> None:
        for data in NO_HEADERS:
            client = self.client()
            self.assertEqual(client.send(data), b"")
            self.assertTrue(client.transport.aborted)
        self.assertEqual(len(self.ecm.clients), 0)

    def test_at_the_end_it_has_a_second_and_the_first_request_another(self) -> None:
        header = next(iter(HEADERS))
        client, silent, late = self.client(), self.client(), self.client()
        self.ecm.registry.drain()
        client.send(header)
        client.post(b"on its way")
        late.send(header)
        self.ecm.pass_time(1)
        self.assertTrue(silent.transport.aborted)
        self.assertTrue(late.ended)
        self.ecm.answer(self.ecm.received()[0][0], b"answer")
        self.assertTrue(client.transport.written().endswith(b"answer"))
        self.assertTrue(client.ended)

    def test_the_header_has_a_time(self) -> None:
        client = self.client()
        client.send(b"PROXY")
        self.ecm.pass_time(limits.HEADER_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_the_limit_for_one_address_is_for_that_of_the_header(self) -> None:
        header = b"PROXY TCP4 192.0.2.%d 192.0.2.1 51234 80\r\n"
        self.assertEqual(self.client().send(header % 1), b"")
        self.assertEqual(self.client().send(header % 2), b"")
        self.assertIn(b" 503 ", self.client().send(header % 1))
