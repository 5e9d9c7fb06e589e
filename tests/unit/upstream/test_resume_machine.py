"""A link that resumes under Hypothesis: cut at any byte, in both directions, and forgotten."""

import attrs
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import TestCase

from ecm.link.message import GONE
from testkit.in_memory import TYPED, Joined
from testkit.pending import NotedExchange
from testkit.pool_links import LINE
from testkit.resuming_peer import ResumingPeer

SIZES = st.sampled_from([0, 1, 40, 3000, 30_000])
CUT = st.integers(0, 5000)
WHICH = st.integers(0, 50)

# Nothing is refused here because it took too long.
FOR_EVER = 100_000
PATIENT = attrs.evolve(TYPED, link_grace=FOR_EVER, link_timeout=FOR_EVER)


class Resuming(RuleBasedStateMachine):
    """Requests carry their number, and answers that of their request: each comes once, in order.

    The bytes of each direction are read in pieces; a cut loses what has not been read.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ecm = Joined(link=PATIENT)
        self.ecm.pool._queue_timeout = FOR_EVER
        self.peer = ResumingPeer()
        self.to_peer = self.to_ecm = b""
        self.connected = True
        self.exchanges: dict[int, NotedExchange] = {}
        self.cancelled: set[int] = set()
        self.answered: dict[int, bytes] = {}
        self.begun: dict[int, bytes] = {}  # answers of which some parts have been sent
        self.answers: list[int] = []  # in the order in which their last part was sent
        self.got: list[int] = []  # in the order in which they came

    # Bytes on their way.

    @precondition(lambda self: self.connected)
    @rule(size=CUT)
    def peer_reads(self, size: int) -> None:
        self.to_peer += self.ecm.link_transport.written()
        data, self.to_peer = self.to_peer[:size], self.to_peer[size:]
        self.to_ecm += self.peer.receive(data)

    @precondition(lambda self: self.connected)
    @rule(size=CUT)
    def ecm_reads(self, size: int) -> None:
        data, self.to_ecm = self.to_ecm[:size], self.to_ecm[size:]
        if data:
            self.ecm.link.dataReceived(data)

    @precondition(lambda self: self.connected)
    @rule()
    def all_is_read(self) -> None:
        while self.to_ecm or self.to_peer or self.ecm.link_transport.value():
            self.peer_reads(10**9)
            self.ecm_reads(10**9)

    @precondition(lambda self: self.connected)
    @rule(ecm_first=st.booleans())
    def cut(self, ecm_first: bool) -> None:
        if ecm_first:  # the peer reads what was on its way
            self.peer_reads(10**9)
        self.ecm.link_down()
        self.to_peer = self.to_ecm = b""
        self.connected = False

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        self.peer.connect()
        self.to_peer = self.to_ecm = b""
        self.ecm.link_up()
        self.connected = True

    @precondition(lambda self: self.connected)
    @rule(takes=st.booleans())
    def transport(self, takes: bool) -> None:
        if self.ecm.link_transport.watcher is not None:
            (self.ecm.queue.resumeProducing if takes else self.ecm.queue.pauseProducing)()

    @rule(seconds=st.sampled_from([1, 1, 2]))
    def wait(self, seconds: int) -> None:
        self.ecm.pass_time(seconds)
        if self.connected and not self.ecm.link_transport.connected:  # too slow for its time-outs
            self.to_peer = self.to_ecm = b""
            self.connected = False

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

    @precondition(lambda self: self.connected)
    @rule()
    def acknowledge(self) -> None:
        self.to_ecm += self.peer.acknowledge()

    # What holds.

    @invariant()
    def no_end_finds_fault_with_the_other(self) -> None:
        assert self.connected is self.ecm.link_transport.connected

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
