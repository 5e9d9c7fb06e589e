"""Exchanges: their responses in the order of the requests, as a whole and in parts."""

import sys
from collections.abc import Callable
from typing import Any

from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.exchange import BrokenResponse, Exchange, Parts
from ecm.http.request import Request
from testkit.in_memory import FIRST_ID, Client, Joined

GET = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n"


class Handler:
    """Responds with the path, at once or when the test wants; keeps what it was given."""

    exchange = Exchange

    def __init__(self, respond: Callable[[Exchange, bytes], None] | None = None) -> None:
        self._respond = respond
        self.exchanges: list[Exchange] = []

    def handle(self, exchange: Exchange, request: Request) -> None:
        self.exchanges.append(exchange)
        if self._respond is not None:
            self._respond(exchange, request.head.path)


class OrderTests(TestCase):
    def test_responses_are_written_in_the_order_of_the_requests(self) -> None:
        handler = Handler()
        client = Joined(handler).client()
        client.send(GET % b"" * 3)
        for number in (2, 1):
            handler.exchanges[number].respond(b"%d" % number)
            self.assertEqual(client.transport.written(), b"")
        handler.exchanges[0].respond(b"0")
        self.assertEqual(client.transport.written(), b"012")

    def test_a_response_that_is_given_at_once_is_written_by_the_one_loop(self) -> None:
        """However many requests wait: the stack is no deeper for the last than for the first."""
        depths: list[int] = []

        def respond(exchange: Exchange, path: bytes) -> None:
            depth, frame = 0, sys._getframe()
            while frame.f_back is not None:
                depth, frame = depth + 1, frame.f_back
            depths.append(depth)
            exchange.respond(path)

        client = Joined(Handler(respond)).client()
        self.assertEqual(client.send(GET % b"a" * 1000), b"/a" * 1000)
        self.assertEqual(set(depths), {depths[0]})

    def test_one_that_is_given_while_another_begins_waits_for_the_loop(self) -> None:
        def respond(exchange: Exchange, path: bytes) -> None:
            if path == b"/second":
                handler.exchanges[0].respond(b"first")
                self.assertEqual(client.transport.written(), b"")

        handler = Handler(respond)
        client = Joined(handler).client()
        self.assertEqual(client.send(GET % b"first" + GET % b"second"), b"first")
        handler.exchanges[1].respond(b"second")
        self.assertEqual(client.transport.written(), b"second")

    def test_a_request_that_is_alone_takes_no_tuple_and_its_connection_no_dict(self) -> None:
        handler = Handler()
        client = Joined(handler).client()
        protocol: Any = client.protocol
        client.send(GET % b"" * 3)
        self.assertEqual([*protocol.exchanges], handler.exchanges)
        self.assertEqual(len(protocol.behind), 2)
        for exchange in handler.exchanges[:2]:
            exchange.respond(b"")
        self.assertIs(protocol.exchange, handler.exchanges[2])
        self.assertIs(protocol.behind, ())
        self.assertFalse(hasattr(protocol, "__dict__"))

    def test_a_handler_may_drop_the_client(self) -> None:
        client = Joined(Handler(lambda exchange, path: exchange.drop())).client()
        self.assertEqual(client.send(GET % b"" * 2), b"")
        self.assertTrue(client.transport.aborted)


class PartsTests(TestCase):
    """Responses in parts, of which each waits until the client has taken the one before."""

    def setUp(self) -> None:
        self.closed: list[bytes] = []
        self.asked = 0
        self.breaks = False
        self.ecm = Joined(Handler(lambda exchange, path: exchange.respond(self.parts(path))))

    def parts(self, path: bytes) -> Parts:
        try:
            for number in range(3):
                self.asked += 1
                yield b"%b%d" % (path, number)
                if self.breaks:
                    raise BrokenResponse
        finally:
            self.closed.append(path)

    def client(self, stuck: bool = True) -> Client:
        client = self.ecm.client()
        client.transport.stuck = stuck
        return client

    def take_all(self, client: Client) -> bytes:
        taken = b""
        while client.transport.watcher is not None:
            client.transport.unstick()
            self.ecm.reactor.advance(0)
            taken += client.transport.written()
        return taken

    def test_none_is_asked_for_before_the_one_before_is_taken(self) -> None:
        client = self.client()
        self.assertEqual(client.send(GET % b"a" + GET % b"b"), b"/a0")
        self.assertEqual(self.asked, 1)
        self.assertEqual(self.take_all(client), b"/a1/a2/b0/b1/b2")
        self.assertEqual(self.closed, [b"/a", b"/b"])

    def test_requests_behind_one_go_upstream_and_their_answers_wait(self) -> None:
        client = self.client()
        client.send(GET % b"a")
        client.post(b"poll")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, b"poll")])
        self.ecm.answer(FIRST_ID, b"answer")
        self.assertEqual(client.transport.written(), b"")
        taken = self.take_all(client)
        self.assertTrue(taken.startswith(b"/a1/a2HTTP/1.1 200 OK\r\n"), taken)
        self.assertTrue(taken.endswith(b"answer"), taken)

    def test_nothing_of_one_is_begun_before_its_turn(self) -> None:
        client = self.client(stuck=False)
        client.post(b"poll")
        client.send(GET % b"a")
        self.assertEqual(self.asked, 0)
        self.ecm.answer(FIRST_ID, b"")
        self.assertGreater(self.asked, 0)

    def test_one_that_breaks_off_ends_the_connection_and_cancels_what_is_behind_it(self) -> None:
        self.breaks = True
        client = self.client()
        client.send(GET % b"a")
        client.post(b"poll")
        self.assertEqual(self.take_all(client), b"")
        self.assertTrue(client.ended)
        self.assertEqual((len(self.ecm.pool), self.closed), (0, [b"/a"]))

    def test_an_error_in_one_ends_the_connection_and_not_the_link(self) -> None:
        def wrong() -> Parts:
            raise ZeroDivisionError
            yield b""

        ecm = Joined(Handler(lambda exchange, path: exchange.respond(wrong())))
        client = ecm.client()
        client.post(b"poll")
        client.send(GET % b"a")
        ecm.answer(FIRST_ID, b"answer")
        self.assertTrue(client.transport.written().endswith(b"answer"))
        self.assertTrue(client.ended)
        self.assertTrue(ecm.link_transport.connected)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_client_that_leaves_closes_it(self) -> None:
        client = self.client()
        client.send(GET % b"a")
        client.leave()
        self.assertEqual(self.closed, [b"/a"])

    def test_each_part_has_its_time(self) -> None:
        client = self.client()
        client.send(GET % b"a")
        for _ in range(2):
            self.ecm.pass_time(limits.SEND_TIMEOUT - 1)
            self.assertFalse(client.transport.aborted)
            client.transport.unstick()
            client.transport.stuck = True
            self.ecm.reactor.advance(0)
        self.ecm.pass_time(limits.SEND_TIMEOUT)
        self.assertTrue(client.transport.aborted)

    def test_a_client_that_closes_its_end_gets_the_rest(self) -> None:
        client = self.client()
        client.send(GET % b"a")
        client.close_end()
        self.assertEqual(self.take_all(client), b"/a1/a2")
        self.assertFalse(client.transport.connected)
