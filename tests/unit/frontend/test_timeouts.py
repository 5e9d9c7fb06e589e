"""Timeouts of slow clients, with a clock that the test moves."""

from typing import cast

from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import TestCase
from zope.interface import alsoProvides

from ecm import limits
from ecm.frontend.http import HTTPConnection
from ecm.http.response import INERT
from testkit.in_memory import FIRST_ID, Joined, Transport

HEAD = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\n"


class SlowRequestTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()

    def test_a_head_has_its_time_from_its_first_byte(self) -> None:
        self.ecm.pass_time(60)
        for byte in HEAD[: limits.HEADER_TIMEOUT]:
            self.assertEqual(self.client.send(bytes([byte])), b"")
            self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.written().startswith(TOO_SLOW))
        self.assertTrue(self.client.ended)

    def test_a_body_has_its_time_from_the_end_of_the_head(self) -> None:
        self.client.send(HEAD[:-1])
        self.ecm.pass_time(limits.HEADER_TIMEOUT - 1)
        self.client.send(HEAD[-1:])
        self.ecm.pass_time(limits.BODY_TIMEOUT - 1)
        self.client.send(b"slow")
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.written().startswith(TOO_SLOW))
        self.assertEqual(self.ecm.received(), [])

    def test_a_head_that_begins_with_the_end_of_another_request_has_its_own_time(self) -> None:
        get = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for request in (get, HEAD + b"0123456789"):
            client = self.ecm.client()
            client.send(request[:5])
            for _ in range(3):
                self.ecm.pass_time(limits.HEADER_TIMEOUT - 1)
                self.assertNotIn(TOO_SLOW, client.send(request[5:] + request[:5]))
            self.ecm.pass_time(limits.HEADER_TIMEOUT - 1)
            self.assertFalse(client.ended)
            self.ecm.pass_time(1)
            self.assertIn(b"408", client.transport.written() + b"408" * (request != get))

    def test_so_has_a_body(self) -> None:
        self.client.send(HEAD + b"01234")
        self.ecm.pass_time(limits.BODY_TIMEOUT - 1)
        self.client.send(b"56789" + HEAD + b"01234")
        self.ecm.pass_time(limits.BODY_TIMEOUT - 1)
        self.client.send(b"56789")
        self.assertEqual(len(self.ecm.received()), 2)

    def test_a_request_in_time_is_held_for_any_time(self) -> None:
        self.client.send(HEAD + b"0123456789")
        self.ecm.pass_time(1000)
        self.ecm.answer(FIRST_ID, b"late")
        self.assertTrue(self.client.transport.written().endswith(b"late"))

    def test_no_tick_looks_at_who_waits_for_an_answer_or_has_gone(self) -> None:
        self.client.send(HEAD + b"0123456789")
        other = self.ecm.client()
        self.ecm.pass_time(1)
        self.assertEqual([*self.ecm.registry.timed], [other.protocol])
        other.leave()
        self.assertEqual([*self.ecm.registry.timed], [])

    def test_the_answer_to_an_earlier_request_comes_before_the_408(self) -> None:
        self.client.post(b"")
        self.client.send(b"POST /http-bind")
        self.ecm.pass_time(limits.HEADER_TIMEOUT)
        self.assertEqual(self.client.transport.written(), b"")
        self.ecm.answer(FIRST_ID, b"first")
        self.assertIn(b"first" + TOO_SLOW, self.client.transport.written())

    def test_an_idle_connection_closes_without_a_word(self) -> None:
        self.client.post(b"")
        self.ecm.answer(FIRST_ID, b"")
        self.client.transport.clear()
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertFalse(self.client.ended)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.ended)
        self.assertEqual(self.client.transport.written(), b"")

    def test_it_is_idle_from_its_last_answer_on_though_that_came_at_once(self) -> None:
        for _ in range(3):
            self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
            self.assertIn(b" 404 ", self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"))
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertFalse(self.client.ended)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.ended)

    def test_a_connection_that_never_asks_closes_too(self) -> None:
        self.ecm.pass_time(limits.IDLE_TIMEOUT)
        self.assertTrue(self.client.ended)


class SlowReaderTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined()
        self.client = self.ecm.client()
        self.client.post(b"")
        self.client.transport.stuck = True

    def test_who_does_not_take_an_answer_is_cut(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.pass_time(limits.SEND_TIMEOUT - 1)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)

    def test_who_asks_on_meanwhile_has_no_more_time(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer")
        for part in (HEAD, b"0123456789" + HEAD, b"0123456789"):
            self.ecm.pass_time(limits.SEND_TIMEOUT // 4)
            self.client.send(part)
        self.ecm.pass_time(limits.SEND_TIMEOUT - 3 * (limits.SEND_TIMEOUT // 4))
        self.assertTrue(self.client.transport.aborted)

    def test_who_takes_it_in_time_is_not(self) -> None:
        self.ecm.answer(FIRST_ID, b"answer")
        self.ecm.pass_time(limits.SEND_TIMEOUT - 1)
        self.client.transport.unstick()
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertFalse(self.client.ended)

    def test_a_large_answer_has_more_time(self) -> None:
        self.ecm.answer(FIRST_ID, b"x" * limits.SEND_SIZE)
        self.ecm.pass_time(2 * limits.SEND_TIMEOUT - 1)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)

    def test_so_has_a_large_one_that_is_the_last(self) -> None:
        client = self.ecm.client()
        client.transport.stuck = True
        client.send(HEAD.replace(b"Host", b"Connection: close\r\nHost") + b"0123456789")
        self.ecm.answer(FIRST_ID + 1, b"x" * limits.SEND_SIZE)
        self.ecm.pass_time(2 * limits.SEND_TIMEOUT - 1)
        self.assertFalse(client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(client.transport.aborted)

    def test_who_has_much_to_take_at_the_end_is_read_so_that_its_end_is_seen(self) -> None:
        self.ecm.answer(FIRST_ID, b"x" * 2 * limits.MAX_UNSENT)
        self.assertTrue(self.client.transport.paused)
        client = self.ecm.client()
        client.transport.stuck = True
        client.send(HEAD.replace(b"Host", b"Connection: close\r\nHost") + b"0123456789")
        self.ecm.answer(FIRST_ID + 1, b"x" * 2 * limits.MAX_UNSENT)
        self.assertFalse(client.transport.paused)

    def test_who_does_not_close_its_end_is_cut(self) -> None:
        self.client.transport.unstick()
        self.client.send(b"nonsense\r\n\r\n")
        self.ecm.answer(FIRST_ID, b"")
        self.assertTrue(self.client.ended)
        self.client.transport.clear()
        self.assertEqual(self.client.send(HEAD * 100), b"")  # which is not even read
        self.ecm.pass_time(limits.SEND_TIMEOUT)
        self.assertTrue(self.client.transport.aborted)


class SecureTransport(Transport):
    """One that is both TLS and what is below."""

    @property
    def transport(self) -> Transport:
        return self


class HandshakeTests(TestCase):
    """A connection over TLS, whose handshake is a call here."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.transport = SecureTransport(self.ecm.reactor)
        alsoProvides(self.transport, ISSLTransport)
        self.protocol = cast(HTTPConnection, self.ecm.clients.buildProtocol(None))
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def test_it_has_the_time_of_a_head(self) -> None:
        self.ecm.clients.pauseProducing()
        self.ecm.clients.resumeProducing()
        self.ecm.pass_time(limits.HEADER_TIMEOUT - 1)
        self.assertFalse(self.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.transport.aborted)

    def test_then_the_connection_is_idle(self) -> None:
        self.ecm.pass_time(limits.HEADER_TIMEOUT - 1)
        self.protocol.handshakeCompleted()
        self.ecm.pass_time(limits.IDLE_TIMEOUT - 1)
        self.assertTrue(self.transport.connected)
        self.ecm.pass_time(1)
        self.assertFalse(self.transport.connected)

    def test_at_the_end_it_has_a_second_and_the_first_request_another(self) -> None:
        self.ecm.registry.drain()
        self.protocol.handshakeCompleted()
        self.protocol.dataReceived(HEAD + b"0123456789")
        self.ecm.pass_time(limits.HEADER_TIMEOUT)
        self.ecm.answer(FIRST_ID, b"last")
        self.assertIn(b"Connection: close", self.transport.written())

    def test_at_the_end_one_that_stops_in_it_is_cut(self) -> None:
        self.ecm.registry.drain()
        self.ecm.pass_time(1)
        self.assertTrue(self.transport.aborted)


class ConnectionLimitTests(TestCase):
    REFUSED = b"HTTP/1.1 503 Service Unavailable\r\n" + INERT

    def test_connections_in_all(self) -> None:
        ecm = Joined(max_connections=2)
        clients = [ecm.client() for _ in range(2)]
        refused = ecm.client()
        written = refused.transport.written()
        self.assertTrue(written.startswith(self.REFUSED), written)
        self.assertIn(b"\r\nRetry-After: 5\r\n", written)
        self.assertIn(b"\r\nAccess-Control-Allow-Origin: *\r\n", written)
        self.assertIn(b"too many connections.", written)
        self.assertTrue(refused.ended)
        clients[0].leave()
        self.assertFalse(ecm.client().ended)

    def test_connections_of_one_address(self) -> None:
        ecm = Joined(max_connections_per_address=1)
        first = ecm.client("192.0.2.1")
        self.assertFalse(ecm.client("192.0.2.2").ended)
        self.assertIn(b"from your address", ecm.client("192.0.2.1").transport.written())
        first.leave()
        again = ecm.client("192.0.2.1")
        self.assertFalse(again.ended)
        again.leave()
        self.assertEqual(list(ecm.registry.addresses._numbers), ["192.0.2.2"])

    def test_an_address_of_ipv4_is_one_on_a_port_for_both_families(self) -> None:
        ecm = Joined(max_connections_per_address=1)
        ecm.client("192.0.2.1")
        again = ecm.client("::ffff:192.0.2.1")
        self.assertIn(b"from your address", again.transport.written())

    def test_one_that_cannot_begin_is_closed(self) -> None:
        ecm = Joined()
        self.patch(ecm.registry.sockets, "add", lambda transport: 1 / 0)
        self.assertTrue(ecm.client().transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(len(ecm.registry), 0)

    def test_the_one_that_has_been_idle_longest_makes_way_for_a_newcomer(self) -> None:
        ecm = Joined(max_connections=4)
        clients = []
        for _ in range(4):
            clients.append(ecm.client())
            ecm.pass_time(1)
        clients[0].post(b"held")
        clients[1].send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")  # and is idle since
        ecm.pass_time(limits.MIN_IDLE)
        self.assertEqual(len(ecm.clients), 4)
        for first in (clients[2], clients[3], clients[1]):
            self.assertTrue(first.transport.connected)
            self.assertFalse(ecm.client().ended)
            self.assertFalse(first.transport.connected)
            self.assertEqual(first.transport.written().count(b" 503 "), 0)
            self.assertEqual(len(ecm.clients), 4)
        self.assertIn(b"too many connections.", ecm.client().transport.written())
        ecm.answer(FIRST_ID, b"answer")
        self.assertTrue(clients[0].transport.written().endswith(b"answer"))

    def test_who_has_asked_or_gone_since_it_was_looked_for_does_not(self) -> None:
        ecm = Joined(max_connections=4)
        clients = [ecm.client() for _ in range(4)]
        ecm.pass_time(limits.MIN_IDLE)
        ecm.client()
        clients[1].post(b"held")
        clients[2].leave()
        ecm.client()
        ecm.client()
        self.assertEqual(
            [each.transport.connected for each in clients], [False, True] + 2 * [False]
        )

    def test_none_makes_way_that_has_just_come_or_has_not_taken_its_answer(self) -> None:
        ecm = Joined(max_connections=2)
        stuck = ecm.client()
        stuck.transport.stuck = True
        stuck.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        ecm.pass_time(10)
        ecm.client()
        ecm.pass_time(limits.MIN_IDLE - 1)
        self.assertTrue(ecm.client().ended)
        self.assertTrue(stuck.transport.connected)
        ecm.pass_time(1)
        self.assertFalse(ecm.client().ended)

    def test_none_makes_way_for_one_of_too_many_of_an_address(self) -> None:
        ecm = Joined(max_connections=1, max_connections_per_address=1)
        first = ecm.client()
        ecm.pass_time(10)
        self.assertIn(b"from your address", ecm.client().transport.written())
        self.assertTrue(first.transport.connected)

    def test_how_many_would_make_way_is_known(self) -> None:
        ecm = Joined(max_connections=3)
        clients = [ecm.client() for _ in range(3)]
        admission = ecm.clients.admission
        self.assertEqual((admission.is_full, admission.evictable), (True, 0))
        clients[0].post(b"held")
        ecm.pass_time(limits.MIN_IDLE)
        self.assertEqual((admission.is_full, admission.evictable), (True, 2))
        clients[0].leave()
        self.assertFalse(admission.is_full)

    def test_those_that_are_refused_are_bounded_and_end(self) -> None:
        ecm = Joined(max_connections=1)
        ecm.client()
        refused = [ecm.client() for _ in range(limits.MAX_REJECTED)]
        self.assertIsNone(ecm.clients.buildProtocol(None))
        ecm.pass_time(limits.SEND_TIMEOUT)
        self.assertTrue(all(client.transport.aborted for client in refused))
        self.assertIsNotNone(ecm.clients.buildProtocol(None))


class SweepTests(TestCase):
    def test_one_timer_serves_all_connections(self) -> None:
        ecm = Joined()
        before = len(ecm.reactor.getDelayedCalls())
        for number in range(100):
            ecm.client().send(HEAD[: number % len(HEAD)])
        self.assertEqual(len(ecm.reactor.getDelayedCalls()), before)
