"""A link that resumes under Hypothesis: cut at any byte, in both directions, and forgotten."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import TestCase

from ecm.link.message import GONE
from testkit.cut_link import CutLink
from testkit.pending import NotedExchange
from testkit.pool_links import LINE

SIZES = st.sampled_from([0, 1, 40, 3000, 30_000])
WHICH = st.integers(0, 50)


class Resuming(CutLink):
    """Requests carry their number, and answers that of their request: each comes once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.exchanges: dict[int, NotedExchange] = {}
        self.cancelled: set[int] = set()
        self.answered: dict[int, bytes] = {}
        self.begun: dict[int, bytes] = {}  # answers of which some parts have been sent
        self.answers: list[int] = []  # in the order in which their last part was sent
        self.got: list[int] = []  # in the order in which they came

    # Requests and answers.

    @rule(size=SIZES)
    def ask(self, size: int) -> None:
        exchange = NotedExchange(self.ecm.pool.new_id())
        answered = exchange.answered

        def noted(status: int, body: bytes, content_type: str | None) -> None:
            self.got.append(exchange.id)
            answered(status, body, content_type)

        exchange.answered = noted  # type: ignore[method-assign]
        self.exchanges[exchange.id] = exchange
        self.ecm.pool.request(exchange, LINE, b"%d " % exchange.id + b"x" * size)

    @precondition(lambda self: self.exchanges)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        waiting = [number for number, each in self.exchanges.items() if not each.got]
        if waiting:
            number = waiting[which % len(waiting)]
            self.cancelled.add(number)
            self.ecm.pool.cancel(number, GONE)

    def unanswered(self) -> list[int]:
        asked = [number for number, said in self.peer.requests if said.startswith(b"request")]
        return [number for number in asked if number not in self.answered]

    @rule(which=WHICH, size=SIZES, is_last=st.booleans())
    def answer(self, which: int, size: int, is_last: bool) -> None:
        """The peer answers, or says a part of an answer, of which there are few at a time."""
        unanswered = self.unanswered()
        if not unanswered:
            return
        number = unanswered[which % len(unanswered)]
        if not is_last and number not in self.begun and len(self.begun) > 2:
            return
        piece = b"%d " % number + b"y" * size
        self.begun[number] = self.begun.get(number, b"") + piece
        kind = b"answer 200\n" if is_last else b"part\n"
        self.to_ecm += self.peer.send(number, kind + piece)
        if is_last:
            self.answered[number] = self.begun.pop(number)
            self.answers.append(number)

    # What holds.

    @invariant()
    def requests_come_once_in_order(self) -> None:
        asked = [number for number, said in self.peer.requests if said.startswith(b"request")]
        assert asked == sorted(set(asked))
        expected = [number for number in self.exchanges if number not in self.cancelled]
        assert [each for each in asked if each not in self.cancelled] == expected[
            : len([each for each in asked if each not in self.cancelled])
        ]
        for number, said in self.peer.requests:
            assert said.startswith((LINE + b"%d " % number, b"close gone"))

    @invariant()
    def answers_come_once_in_order(self) -> None:
        sent = [number for number in self.answers if number not in self.cancelled]
        got = [number for number in self.got if number not in self.cancelled]
        assert got == sent[: len(got)]
        for number, exchange in self.exchanges.items():
            assert exchange.got in ([], [(200, self.answered.get(number), None)])

    def teardown(self) -> None:
        """In the end the link is well: everything has come that was sent, and nothing is kept."""
        if not self.connected:
            self.connect()
        self.all_is_read()
        if self.ecm.link_transport.watcher is not None:
            self.ecm.queue.resumeProducing()
        while len(self.ecm.pool) or self.peer.outbox.sent:  # a full queue takes more than one round
            self.all_is_read()
            for number in self.unanswered():
                self.to_ecm += self.peer.send(number, b"answer 200\nlast")
                self.answered[number] = self.begun.pop(number, b"") + b"last"
                self.answers.append(number)
            self.to_ecm += self.peer.acknowledge()
            self.wait(1)
        self.all_is_read()
        self.requests_come_once_in_order()
        for number, exchange in self.exchanges.items():
            assert exchange.got or number in self.cancelled
        self.to_ecm += self.peer.acknowledge()
        self.all_is_read()
        assert self.ecm.queue.outbox.size == 0
        assert self.ecm.metrics.lost == 0


class ResumingTests(TestCase):
    def test_nothing_is_lost_nothing_comes_twice_and_the_order_stays(self) -> None:
        run_state_machine_as_test(Resuming, settings=settings(stateful_step_count=60))
