"""The memory that all connections may hold together."""

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.frontend import shed
from ecm.frontend.budget import MemoryBudget
from ecm.limits import PARTIAL_SIZE
from testkit.in_memory import Client, Joined
from testkit.logs import lines

POST = b"POST /http-bind HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
GET = b"GET /none HTTP/1.1\r\nHost: a\r\n\r\n"


class Holder:
    """Holds as much as the test says, and lets go of all of it."""

    def __init__(self, budget: MemoryBudget) -> None:
        self._budget = budget
        self.held = 0

    def hold(self, size: int) -> None:
        self.held = size
        self._budget.update(self)

    def shed(self) -> None:
        self.hold(0)  # as a connection does once it has answered


class BudgetTests(TestCase):
    def setUp(self) -> None:
        self.budget = MemoryBudget(800, now=100.0)
        self.holders = [Holder(self.budget) for _ in range(10)]

    def held(self) -> list[int]:
        return [holder.held for holder in self.holders]

    def test_as_much_as_there_may_be_disturbs_nobody(self) -> None:
        for holder in self.holders:
            holder.hold(80)
        self.assertEqual(self.held(), [80] * 10)
        self.assertEqual((len(self.budget), self.budget.shed_count), (10, 0))

    def test_all_are_looked_at_once_a_tick(self) -> None:
        first, second, third = self.holders[:3]
        first.hold(790)
        first.held = 10  # which it does not tell
        second.hold(100)
        self.assertEqual((self.held()[:2], self.budget.shed_count), ([10, 100], 0))
        first.hold(700)
        first.held = 10
        third.hold(50)
        self.assertEqual(self.budget.shed_count, 1)
        self.budget.now += 1
        second.hold(790)
        self.assertEqual(self.budget.shed_count, 2)

    def test_beyond_it_the_largest_goes(self) -> None:
        for holder, size in zip(self.holders, [10, 400, 100, 100, 150, 60], strict=False):
            holder.hold(size)
        self.assertEqual(self.held()[:6], [10, 0, 100, 100, 150, 60])
        self.assertEqual(self.budget.shed_count, 1)

    def test_of_those_that_hold_the_same_the_slowest_go(self) -> None:
        for holder in self.holders[:9]:
            self.budget.now += 1
            holder.hold(100)
        self.assertEqual(self.held(), [0, 0, *[100] * 7, 0])

    def test_who_holds_less_than_before_is_not_slow(self) -> None:
        self.holders[0].hold(101)
        self.budget.now += 10
        self.holders[0].hold(100)
        self.holders[1].hold(100)
        self.budget.now += 1
        self.holders[2].hold(601)
        self.assertEqual(self.held()[:3], [100, 100, 0])

    def test_who_holds_nothing_any_more_or_has_gone_does_not_count(self) -> None:
        for holder in self.holders[:2]:
            holder.hold(400)
        self.holders[0].hold(0)
        self.budget.remove(self.holders[1])
        self.budget.remove(self.holders[2])
        self.assertEqual(len(self.budget), 0)
        self.holders[3].hold(800)
        self.assertEqual(self.budget.shed_count, 0)

    def test_what_was_taken_since_the_last_look_is_seen_before_anybody_has_to_go(self) -> None:
        self.holders[0].hold(700)
        self.holders[0].held = 10
        self.holders[1].hold(700)
        self.assertEqual(self.held()[:2], [10, 700])

    def test_some_room_is_made_at_a_time(self) -> None:
        for holder in self.holders[:9]:
            holder.hold(100)
        self.assertEqual((sum(self.held()), self.budget.shed_count), (700, 2))

    def test_an_error_of_one_keeps_no_other_from_it(self) -> None:
        self.patch(self.holders[0], "shed", None)
        self.holders[0].hold(700)
        self.assertRaises(TypeError, self.holders[1].hold, 101)
        self.budget.remove(self.holders[0])
        self.holders[2].hold(701)
        self.assertEqual(self.held()[1:3], [101, 0])

    @given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 900), st.integers(0, 1))))
    def test_it_is_never_exceeded(self, steps: list[tuple[int, int, int]]) -> None:
        self.setUp()
        for place, size, seconds in steps:
            self.budget.now += seconds
            self.holders[place].hold(size)
            self.assertLessEqual(sum(self.held()), 800)
            self.assertEqual(len(self.budget), sum(size > 0 for size in self.held()))


class ConnectionTests(TestCase):
    """The connections of one ECM: two that behave, and others that hold too much."""

    MAX_HELD = 150_000

    def setUp(self) -> None:
        self.ecm = Joined(max_buffered=self.MAX_HELD, max_body=100_000)
        self.good, self.slow = self.ecm.client(), self.ecm.client()
        self.good.post(b"good")
        self.slow.send(POST[:20])
        self.ids: dict[bytes, int] = {}

    def tearDown(self) -> None:
        """Clients that hold little have noticed nothing, and all together do not hold too much."""
        self.assertLessEqual(self.held(), self.MAX_HELD)
        self.slow.send((POST % (4, b"slow"))[20:])
        for client, body in ((self.good, b"good"), (self.slow, b"slow")):
            self.answer(body, b"answer to " + body)
            self.assertIn(b"answer to " + body, client.transport.written())

    def held(self) -> int:
        return sum(connection.held for connection in self.ecm.registry.open)

    def answer(self, body: bytes, answer: bytes) -> None:
        """Answer the request with this body, which only one has."""
        self.ids.update({body: connection_id for connection_id, body in self.ecm.received()})
        self.ecm.answer(self.ids[body], answer)

    def clients(self, number: int) -> list[Client]:
        return [self.ecm.client() for _ in range(number)]

    def test_requests_that_are_not_complete_are_answered_408(self) -> None:
        data = (POST % (50_000, b"x" * 50_000))[:-1]
        clients, told = self.clients(10), 0
        for client in clients:
            client.send(data)
            self.assertLessEqual(self.held(), self.MAX_HELD)
        for client in clients:
            self.assertEqual(client.ended, client.protocol.held == 0)
            told += client.ended
        self.assertEqual(told, 8)

    def test_they_say_so(self) -> None:
        written = self.ecm.client().send((POST % (99_999, b"x" * 99_999))[:-1])
        self.assertEqual(written, b"")
        written = self.ecm.client().send((POST % (100_000, b"x" * 100_000))[:-1])
        self.assertTrue(written.startswith(b"HTTP/1.1 408 Request Timeout\r\n"), written)
        self.assertIn(b"Connection: close\r\n", written)

    def test_the_beginnings_of_many_heads_count(self) -> None:
        self.slow.leave()
        clients = self.clients(50)
        for client in clients:
            client.send(b"P")
        self.slow = self.ecm.client()
        self.slow.send(POST[:20])
        self.assertLess(sum(not client.ended for client in clients), self.MAX_HELD / PARTIAL_SIZE)

    def test_requests_that_wait_are_answered_503_in_their_turn(self) -> None:
        clients = self.clients(5)
        for number, client in enumerate(clients):
            bodies = (b"%d %d" % (number, each) for each in range(4))
            client.send(b"".join(POST % (3, body) for body in bodies) + GET * 1000)
        self.assertLessEqual(self.held(), self.MAX_HELD)
        for number in range(len(clients)):
            for each in range(4):
                self.answer(b"%d %d" % (number, each), b"answer %d" % each)
        written = [client.transport.written() for client in clients]
        refused = [each for each in written if b"HTTP/1.1 503 " in each]
        self.assertEqual(len(refused), 1)
        answers, _, refusal = refused[0].partition(b"HTTP/1.1 503 ")
        self.assertEqual([answers.count(b"answer %d" % each) for each in range(4)], [1] * 4)
        self.assertIn(b"Retry-After: ", refusal)
        self.assertIn(b"Connection: close\r\n", refusal)

    def test_answers_that_wait_for_an_earlier_one_become_503(self) -> None:
        client = self.ecm.client()
        for body in (b"0", b"1", b"2"):
            client.post(body)
        for body in (b"2", b"1", b"0"):
            self.answer(body, b"x" * 80_000)
        written = client.transport.written()
        self.assertEqual(written.count(b"HTTP/1.1 200 "), 1)
        self.assertEqual(written.count(b"HTTP/1.1 503 "), 2)
        self.assertFalse(client.ended)

    def test_a_response_given_at_once_counts_while_it_waits_for_an_earlier_one(self) -> None:
        self.ecm.client().send(GET)  # so that its head is known
        client = self.ecm.client()
        client.post(b"0")
        before = len(self.ecm.registry.budget)
        self.assertEqual(client.send(GET), b"")
        self.assertGreater(client.protocol.held, 0)
        self.assertEqual(len(self.ecm.registry.budget), before + 1)

    def test_who_does_not_take_its_answer_is_cut(self) -> None:
        clients = self.clients(5)
        for number, client in enumerate(clients):
            client.transport.stuck = True
            client.post(b"%d" % number)
            self.answer(b"%d" % number, b"y" * 50_000)
        self.assertEqual(sum(client.transport.aborted for client in clients), 3)

    def test_who_has_taken_it_holds_nothing(self) -> None:
        client = self.ecm.client()
        client.transport.stuck = True
        client.post(b"0")
        self.answer(b"0", b"y" * 50_000)
        self.assertGreater(client.protocol.held, 50_000)
        client.transport.unstick()
        self.assertEqual((client.protocol.held, len(self.ecm.registry.budget)), (0, 1))

    def test_the_log_has_a_line_at_once_and_then_one_a_minute(self) -> None:
        self.patch(shed, "FAULT_INTERVAL", 5)  # or the slow one would be too slow
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        for client in self.clients(10):
            client.send((POST % (100_000, b"x" * 100_000))[:-1])
        self.assertEqual(lines(log, "ecm.frontend.shed"), [])
        self.ecm.pass_time(2)
        told = ["clients held more than 150000 bytes: 9 connections shed"]
        self.assertEqual(lines(log, "ecm.frontend.shed"), told)
        for _ in range(2):
            for client in self.clients(10):
                client.send((POST % (100_000, b"x" * 100_000))[:-1])
            self.ecm.pass_time(1)
            self.assertEqual(lines(log, "ecm.frontend.shed"), told)
        self.ecm.pass_time(3)
        *first, then = lines(log, "ecm.frontend.shed")
        self.assertEqual(first, told)
        self.assertRegex(then, r"bytes: (1[0-9]|20) connections shed")
