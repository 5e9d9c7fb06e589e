"""The timeout for bytes that the kernel has taken and the client has not acknowledged."""

from typing import Any

from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.net import ack_timeout
from ecm.net.ack_timeout import AckTimeout
from testkit.in_memory import Joined

TIME = 30


class FakeTransport:
    """The transport of a client; ``queue`` is what the kernel says of it."""

    def __init__(self) -> None:
        self.queue = (0, 0)
        self.cut = False

    def abortConnection(self) -> None:
        self.cut = True


class AckTimeoutTests(TestCase):
    def setUp(self) -> None:
        self.patch(ack_timeout, "kernel_queue", lambda transport: transport.queue)
        self.ack_timeout = AckTimeout(TIME)
        self.transport: Any = FakeTransport()
        self.now = 0

    def sent(self, taken: int, queued: int) -> None:
        self.transport.queue = (taken, queued)
        self.ack_timeout.watch(self.transport)

    def pass_time(self, seconds: int) -> bool:
        """Let so many ticks pass; return whether the client was cut."""
        for _ in range(seconds):
            self.now += 1
            self.ack_timeout.tick(self.now)
        return bool(self.transport.cut)

    def test_who_has_taken_all_is_looked_at_no_more(self) -> None:
        self.sent(20_000, 0)
        self.assertIn(self.transport, self.ack_timeout)
        self.pass_time(1)
        self.assertNotIn(self.transport, self.ack_timeout)

    def test_who_takes_nothing_is_cut(self) -> None:
        self.sent(1, 20_000)
        self.assertFalse(self.pass_time(TIME))
        self.assertTrue(self.pass_time(1))

    def test_so_is_who_takes_a_part(self) -> None:
        self.sent(1, 20_000)
        self.pass_time(1)
        self.sent(20_000, 40_000)
        self.assertTrue(self.pass_time(TIME))

    def test_for_more_there_is_more_time(self) -> None:
        self.sent(1, limits.SEND_SIZE)
        self.assertFalse(self.pass_time(2 * TIME))
        self.assertTrue(self.pass_time(1))

    def test_who_takes_what_there_was_may_have_more_to_take(self) -> None:
        for turn in range(10):
            self.sent(1 + turn * 20_000, 20_000)
            self.assertFalse(self.pass_time(TIME))
        self.assertTrue(self.pass_time(1))

    def test_who_has_gone_is_forgotten(self) -> None:
        self.sent(1, 20_000)
        self.ack_timeout.unwatch(self.transport)
        self.assertFalse(self.pass_time(100))


class ConnectionTests(TestCase):
    """Of which connections it is looked at: those on which some bytes were sent."""

    def setUp(self) -> None:
        self.patch(ack_timeout, "kernel_queue", lambda transport: (1, 1))
        self.ecm = Joined(max_connections=1)
        self.client = self.ecm.client()

    @property
    def transport(self) -> Any:
        return self.client.transport

    def answered(self, body: bytes) -> bool:
        self.client.post(b"ask")
        ((connection_id, _),) = self.ecm.received()
        self.ecm.answer(connection_id, body)
        return self.transport in self.ecm.registry.ack_timeout

    def test_of_one_large_answer_or_many_small_ones(self) -> None:
        self.assertTrue(self.answered(b"x" * 16_384))
        self.client.leave()
        self.assertNotIn(self.transport, self.ecm.registry.ack_timeout)
        self.client = self.ecm.client()
        answers = 1
        while not self.answered(b"x" * 100):
            answers += 1
        self.assertTrue(30 <= answers <= limits.LOOK_AFTER, answers)

    def test_the_memory_of_a_connection_is_that_of_a_small_number(self) -> None:
        protocol: Any = self.client.protocol
        for size in (100, 16_000, 200_000, 300):
            self.answered(b"x" * size)
            self.assertLessEqual(protocol._sent, 256)  # of which Python has one each

    def test_a_connection_with_something_to_take_is_not_idle(self) -> None:
        self.answered(b"x" * 20_000)
        self.ecm.pass_time(10)
        self.assertTrue(self.ecm.client().ended)
        self.ecm.registry.ack_timeout.unwatch(self.transport)
        self.ecm.pass_time(1)
        self.assertFalse(self.ecm.client().ended)

    def test_it_is_cut_though_another_request_is_held(self) -> None:
        self.answered(b"x" * 20_000)
        self.client.post(b"held")
        self.ecm.pass_time(limits.SEND_TIMEOUT)
        self.assertFalse(self.client.transport.aborted)
        self.ecm.pass_time(1)
        self.assertTrue(self.client.transport.aborted)
