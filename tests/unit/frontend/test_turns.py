"""Pieces of a client that are dealt with in several turns."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm.frontend.websocket_closing import SLOW
from ecm.limits import BODY_TIMEOUT, CHUNKS_AT_ONCE, FRAMES_AT_ONCE, STEPS_AT_ONCE
from ecm.websocket import codes
from ecm.websocket.decoder import Event
from ecm.websocket.frames import CLOSE, PING, PONG, TEXT
from testkit.in_memory import Joined
from testkit.turns import Turns
from testkit.websocket_case import User, WebSocketCase, close
from testkit.websocket_frames import fragments, masked


class RequestTests(TestCase):
    """Requests that are answered at once, as those of files are."""

    def setUp(self) -> None:
        self.ecm = Joined()
        self.ecm.registry.sockets = self.turns = Turns()
        self.client = self.ecm.client()

    def answers(self, written: bytes = b"") -> int:
        return (written + self.client.transport.written()).count(b"HTTP/1.1 404 Not Found\r\n")

    def send(self, requests: int) -> int:
        """Send so many in one piece, and return how many are answered at once."""
        return self.answers(self.client.send(b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n" * requests))

    def test_a_few_are_begun_in_each_turn(self) -> None:
        few = STEPS_AT_ONCE
        self.assertEqual(self.send(2 * few + 1), few)
        self.assertTrue(self.client.transport.paused)
        for begun in (few, 1):
            self.turns.turn()
            self.assertEqual(self.answers(), begun)
        self.assertFalse(self.client.transport.paused)

    def test_who_has_closed_its_end_gets_all_answers(self) -> None:
        few = STEPS_AT_ONCE
        self.assertEqual(self.send(2 * few + 1), few)
        self.client.close_end()
        for begun in (few, 1):
            self.assertFalse(self.client.ended)
            self.turns.turn()
            self.assertEqual(self.answers(), begun)
        self.assertFalse(self.client.transport.connected)

    def test_small_chunks_are_parsed_a_few_at_a_time(self) -> None:
        for chunk in (b"1\r\nx\r\n", b"1;a=b\r\nx\r\n"):
            with self.subTest(chunk=chunk):
                few = STEPS_AT_ONCE * CHUNKS_AT_ONCE
                body = chunk * 3 * few + b"0\r\n\r\n"
                head = b"GET /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                turns = 0
                self.assertEqual(self.answers(self.client.send(head + body)), 0)
                while self.client.transport.paused:
                    self.turns.turn()
                    turns += 1
                self.assertEqual(self.answers(), 1)
                self.assertGreaterEqual(turns, 2)

    def test_a_body_in_small_chunks_has_no_more_time_than_others(self) -> None:
        head = b"GET /none HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = b"1\r\nx\r\n" * (STEPS_AT_ONCE + 2) * CHUNKS_AT_ONCE
        for data in (head + chunks, chunks):
            self.assertEqual(self.client.send(data), b"")
            self.assertTrue(self.client.transport.paused)
            self.turns.turn()
            self.assertFalse(self.client.transport.paused)
            self.ecm.pass_time(BODY_TIMEOUT // 2 + 1)
        self.assertTrue(self.client.transport.written().startswith(b"HTTP/1.1 408 "))

    def test_who_leaves_meanwhile_has_nothing_to_go_on_with(self) -> None:
        self.send(2 * STEPS_AT_ONCE)
        self.client.leave()
        self.turns.turn()
        self.assertEqual(self.answers(), 0)
        protocol: Any = self.client.protocol
        self.assertNotIn(protocol.pump, self.turns.later)
        self.assertEqual([*self.ecm.registry.timed], [])

    def test_an_error_closes_the_connection_on_which_it_happens(self) -> None:
        self.send(2 * STEPS_AT_ONCE)
        self.patch(self.ecm.registry.routes.otherwise, "handle", None)
        self.turns.turn()
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)
        self.assertTrue(self.client.transport.aborted)
        self.assertEqual(len(self.ecm.clients), 0)


class FrameTests(WebSocketCase):
    """Frames in one piece, of which some are dealt with in each turn."""

    def setUp(self) -> None:
        super().setUp()
        self.ecm.registry.sockets = self.turns = Turns()
        self.user = User(self.ecm)

    @property
    def is_paused(self) -> bool:
        return self.user.client.transport.paused

    def test_pings_are_answered_some_at_a_time(self) -> None:
        self.user.send(masked(PING) * (2 * FRAMES_AT_ONCE + 1))
        for answered in (FRAMES_AT_ONCE, FRAMES_AT_ONCE, 1):
            self.assertEqual(self.user.got, [Event(PONG, b"")] * answered)
            self.assertEqual(self.is_paused, answered > 1)
            self.turns.turn()
        self.assertEqual(self.user.got, [])

    def test_fragments_are_joined_some_at_a_time(self) -> None:
        texts = [b"<a/>", *[b" "] * 2 * FRAMES_AT_ONCE]
        self.assertEqual(self.user.send(fragments(TEXT, *texts) + masked(TEXT, b"<b/>")), [])
        self.turns.turn()
        self.assertEqual(self.user.told, [])
        self.turns.turn()
        self.assertEqual(self.user.told, [b"message\n" + b"".join(texts), b"message\n<b/>"])
        self.assertFalse(self.is_paused)

    def test_what_comes_meanwhile_is_not_taken_before(self) -> None:
        self.user.send(masked(PING) * FRAMES_AT_ONCE + masked(TEXT, b"<a/>"))
        self.assertEqual(self.user.say(b"<b/>"), [])
        self.turns.turn()
        self.assertEqual(self.user.told, [b"message\n<a/>", b"message\n<b/>"])

    def test_one_that_closes_is_not_read_meanwhile(self) -> None:
        self.user.hear(b"close end")
        self.user.send(masked(PING) * 2 * FRAMES_AT_ONCE + masked(CLOSE, b"\x03\xe8"))
        self.assertTrue(self.is_paused)
        for _ in range(2):
            self.turns.turn()
        self.assertTrue(self.user.client.ended)

    def test_a_message_between_many_pings_has_no_more_time_than_others(self) -> None:
        begun = masked(TEXT, b"<a>", is_final=False)
        for data in (begun, b""):
            self.user.send(data + masked(PING) * (FRAMES_AT_ONCE + 1))
            self.assertTrue(self.is_paused)
            self.turns.turn()
            self.assertFalse(self.is_paused)
            self.ecm.pass_time(BODY_TIMEOUT // 2 + 1)
        self.assertIn(close(codes.POLICY, SLOW), self.user.got)

    def test_who_leaves_meanwhile_has_nothing_to_go_on_with(self) -> None:
        self.user.send(masked(PING) * 2 * FRAMES_AT_ONCE)
        self.user.client.leave()
        self.user.client.transport.written()
        self.turns.turn()
        self.assertEqual(self.user.got, [])
        self.assertNotIn(self.user.protocol.more, self.turns.later)
