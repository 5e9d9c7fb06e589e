"""A full ECM: those who have a session notice nothing, newcomers are refused."""

from unittest import mock

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.frontend.room import Room, for_newcomers
from ecm.net.transport import unsent
from testkit.in_memory import FIRST_ID, PEER_LINE, TYPED, Client, Joined
from testkit.logs import lines
from testkit.typed_vectors import HELLO_PACKET

MOST = 32
RESERVE = limits.reserved(MOST)
FULL_LINE = PEER_LINE[:-1] + b" full=1\n"


class RoomTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)

    def test_a_part_is_reserved_unless_there_are_few(self) -> None:
        found = [for_newcomers(most) for most in (1, 7, 8, 32, 128, 256, 1600)]
        self.assertEqual(found, [1, 7, 7, 28, 112, 240, 1500])
        self.assertGreater(for_newcomers(0), 10**9)

    def test_it_is_full_in_the_reserve_or_while_memory_is_short(self) -> None:
        room = Room(MOST)
        for connections, is_short, is_full in (
            (MOST - RESERVE, False, False),
            (MOST - RESERVE + 1, False, True),
            (1, True, True),
            (1, False, False),
        ):
            room.set_memory(is_short)
            room.update(connections)
            self.assertIs(room.is_full, is_full, connections)

    def test_the_log_says_so_twice(self) -> None:
        room = Room(MOST)
        for now in range(100):
            if now % 5 == 0 and 10 <= now <= 30:
                room.update(MOST)
            room.update(1)
            room.tick(now)
        self.assertEqual(
            lines(self.log, "ecm.frontend.room"),
            [
                "full: more than 28 connections; newcomers get 503, users who are online notice"
                " nothing",
                "room for newcomers again, beside 1 connections",
            ],
        )

    def test_the_log_names_memory(self) -> None:
        room = Room(MOST)
        room.set_memory(True)
        room.tick(0)
        [line] = lines(self.log, "ecm.frontend.room")
        self.assertIn("full: memory is short;", line)


class FullTests(TestCase):
    """With connections that hold a request each, up to the reserve."""

    def setUp(self) -> None:
        self.ecm = Joined(link=TYPED, max_connections=MOST)
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.ecm.received()
        self.holding = [self.ecm.client() for _ in range(MOST - RESERVE)]
        for client in self.holding:
            client.post(b"held")
        self.lines = [line for _, line in self.ecm.received()]

    def ask(self, client: Client) -> bytes:
        """Send a request, and return what the link carries."""
        client.post(b"said")
        [(self.asked, content)] = self.ecm.received()
        return content

    def answer(self, connection_id: int, status: int = 200) -> None:
        self.ecm.answer(connection_id, b"answer %d\n<body/>" % status)

    def test_up_to_the_reserve_nothing_is_marked(self) -> None:
        self.assertEqual(set(self.lines), {PEER_LINE + b"held"})

    def test_a_connection_in_the_reserve_is_served_and_all_requests_are_marked(self) -> None:
        other = self.ecm.client()
        self.assertEqual(self.ask(other), FULL_LINE + b"said")
        self.answer(FIRST_ID)
        self.assertEqual(self.ask(self.ecm.client()), FULL_LINE + b"said")

    def test_whose_request_is_answered_makes_room_at_once(self) -> None:
        other = self.ecm.client()
        self.ask(other)
        self.answer(FIRST_ID)
        first = self.holding[0]
        self.assertIn(b"\r\nConnection: close\r\n", first.transport.written())
        self.assertTrue(first.transport.half_closed)
        first.leave()
        self.answer(self.asked)
        self.assertNotIn(b"Connection: close", other.transport.written())
        self.assertEqual(self.ask(other), PEER_LINE + b"said")

    def test_a_newcomer_who_is_refused_leaves(self) -> None:
        stranger = self.ecm.client()
        self.ask(stranger)
        self.answer(self.asked, 503)
        written = stranger.transport.written()
        self.assertRegex(written, rb"\r\nRetry-After: [0-9]+\r\n")
        self.assertIn(b"\r\nConnection: close\r\n", written)
        self.assertTrue(stranger.ended)

    def test_who_is_refused_by_an_ecm_with_room_stays(self) -> None:
        self.answer(FIRST_ID, 503)
        written = self.holding[0].transport.written()
        self.assertRegex(written, rb"\r\nRetry-After: [0-9]+\r\n")
        self.assertNotIn(b"Connection: close", written)

    def test_one_that_only_waits_for_its_client_to_close_makes_way(self) -> None:
        stranger = self.ecm.client()
        self.ask(stranger)
        self.answer(self.asked, 503)
        for _ in range(RESERVE):
            self.assertFalse(self.ecm.client().ended)
        self.assertFalse(stranger.transport.connected)
        self.assertIn(b"too many connections.", self.ecm.client().transport.written())

    def test_unless_its_client_has_not_taken_its_answer(self) -> None:
        stranger = self.ecm.client()
        stranger.transport.stuck = True
        self.ask(stranger)
        self.answer(self.asked, 503)
        for _ in range(RESERVE - 1):
            self.ecm.client()
        self.assertIn(b"too many connections.", self.ecm.client().transport.written())
        self.assertTrue(stranger.transport.connected)
        stranger.transport.unstick()
        self.ecm.pass_time(1)
        self.assertFalse(self.ecm.client().ended)
        self.assertFalse(stranger.transport.connected)

    def test_those_that_close_make_way_in_their_order(self) -> None:
        refused = [self.refused() for _ in range(3)]
        refused[1].leave()
        while not self.ecm.clients.admission.is_full:
            self.ecm.client()
        for first in (refused[0], refused[2]):
            self.assertTrue(first.transport.connected)
            self.assertFalse(self.ecm.client().ended)
            self.assertFalse(first.transport.connected)
        self.assertIn(b"too many connections.", self.ecm.client().transport.written())

    def test_a_flood_has_each_of_them_looked_at_once_between_two_ticks(self) -> None:
        refused = [self.refused(is_stuck=True) for _ in range(RESERVE)]
        with mock.patch("ecm.frontend.closing.unsent", wraps=unsent) as looks:
            for _ in range(100):
                self.ecm.client().leave()
            self.assertEqual(looks.call_count, RESERVE)
            self.ecm.pass_time(1)
            for _ in range(100):
                self.ecm.client().leave()
            self.assertEqual(looks.call_count, 2 * RESERVE)
        self.assertTrue(all(client.transport.connected for client in refused))

    def refused(self, is_stuck: bool = False) -> Client:
        """Return a newcomer whose connection waits to be closed by him; he may not read."""
        stranger = self.ecm.client()
        stranger.transport.stuck = is_stuck
        self.ask(stranger)
        self.answer(self.asked, 503)
        return stranger

    def test_beyond_the_reserve_nobody_comes(self) -> None:
        reserve = [self.ecm.client() for _ in range(RESERVE)]
        self.assertFalse(any(client.ended for client in reserve))
        self.assertIn(b"too many connections.", self.ecm.client().transport.written())

    def test_an_idle_one_makes_way_rather_than_the_reserve(self) -> None:
        self.answer(FIRST_ID)
        self.ecm.pass_time(limits.MIN_IDLE)
        self.ecm.client()
        self.assertFalse(self.holding[0].transport.connected)
        self.assertFalse(self.ecm.registry.room.is_full)

    def test_idle_ones_leave_the_reserve_by_themselves(self) -> None:
        silent = [self.ecm.client() for _ in range(RESERVE)]
        self.ecm.pass_time(limits.MIN_IDLE)
        self.assertFalse(self.ecm.registry.room.is_full)
        self.assertFalse(any(client.transport.connected for client in silent))
        self.assertTrue(all(client.transport.connected for client in self.holding))


class MemoryTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined(link=TYPED)
        self.ecm.link.dataReceived(HELLO_PACKET)
        self.ecm.received()

    def test_while_it_is_short_requests_are_marked_and_idle_connections_close(self) -> None:
        idle, user = self.ecm.client(), self.ecm.client()
        self.ecm.pass_time(limits.MIN_IDLE)
        user.post(b"1")
        self.ecm.registry.room.set_memory(True)
        self.ecm.pass_time(1)
        self.assertEqual([idle.transport.connected, user.transport.connected], [False, True])
        [(connection_id, _)] = self.ecm.received()
        self.ecm.answer(connection_id, b"answer 200\n<body/>")
        self.assertNotIn(b"Connection: close", user.transport.written())
        user.post(b"2")
        self.assertEqual(self.ecm.received(), [(connection_id, FULL_LINE + b"2")])

    def test_when_it_is_there_again_nothing_is_marked(self) -> None:
        self.ecm.registry.room.set_memory(True)
        self.ecm.registry.room.set_memory(False)
        self.ecm.client().post(b"1")
        self.assertEqual(self.ecm.received(), [(FIRST_ID, PEER_LINE + b"1")])
