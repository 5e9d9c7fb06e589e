"""The pool under Hypothesis: links that come, go, congest and drain, in any order."""

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

from ecm.link.events import Misdirected
from ecm.link.message import GONE
from ecm.metrics import Metrics
from ecm.upstream.link import LinkStatus
from ecm.upstream.pool import Unavailable, UpstreamPool
from testkit.pending import NotedExchange
from testkit.pool_links import LINE, QUEUE_TIMEOUT, LinkEnd, Producer

LINKS = 3
WHICH = st.integers(0, 20)


class Pool(RuleBasedStateMachine):
    """Each exchange is in one place: sent on a link, queued, or ended."""

    def __init__(self) -> None:
        super().__init__()
        self.pool = UpstreamPool(1, QUEUE_TIMEOUT, nodes=LINKS)
        self.producer = Producer()
        self.pool.registerProducer(self.producer)
        self.metrics = Metrics()
        self.links: list[LinkEnd] = []
        self.exchanges: list[NotedExchange] = []
        self.now = 0.0

    def link(self, which: int) -> LinkEnd:
        return self.links[which % len(self.links)]

    @precondition(lambda self: len(self.links) < LINKS)
    @rule()
    def connect(self) -> None:
        self.links.append(LinkEnd(self.pool, self.metrics, f"node@{len(self.links)}"))

    @precondition(lambda self: self.links)
    @rule(which=WHICH)
    def disconnect(self, which: int) -> None:
        link = self.link(which)
        self.links.remove(link)
        waiting = [each for each in self.exchanges if not each.got]
        kept = link.unsent()  # go elsewhere
        lost = [each for each in waiting if each.id in link.link.table and each.id not in kept]
        link.leave()
        assert [each for each in waiting if each.got] == lost

    @precondition(lambda self: self.links)
    @rule(which=WHICH, takes=st.booleans())
    def take(self, which: int, takes: bool) -> None:
        queue = self.link(which).queue
        (queue.resumeProducing if takes else queue.pauseProducing)()

    @precondition(lambda self: self.links)
    @rule(which=WHICH)
    def drain(self, which: int) -> None:
        self.link(which).become(LinkStatus.DRAINING)

    @precondition(lambda self: self.links)
    @rule(which=WHICH, is_back=st.booleans())
    def break_or_resume(self, which: int, is_back: bool) -> None:
        link = self.link(which)
        up = LinkStatus.CONGESTED if link.queue.is_full else LinkStatus.WRITABLE
        link.become(up if is_back else LinkStatus.BROKEN)

    @rule(size=st.integers(0, 80), which=WHICH)
    def ask(self, size: int, which: int) -> None:
        """A newcomer asks, or a connection that has had its answer."""
        answered = [each for each in self.exchanges if each.got and isinstance(each.got[0], tuple)]
        before = answered[which % len(answered)] if answered and which % 2 else None
        if before is not None:
            self.exchanges.remove(before)
        exchange = NotedExchange(self.pool.new_id() if before is None else before.id)
        try:
            self.pool.request(exchange, LINE, b"x" * size)
        except Unavailable:
            return
        self.exchanges.append(exchange)

    @precondition(lambda self: self.exchanges)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        self.pool.cancel(self.exchanges.pop(which % len(self.exchanges)).id, GONE)

    @precondition(lambda self: self.links)
    @rule(which=WHICH, at=WHICH)
    def answer(self, which: int, at: int) -> None:
        table = self.link(which).link.table
        mine = [each for each in self.exchanges if each.id in table]
        if mine:
            table.answer(mine[at % len(mine)].id, 200, b"y")

    @precondition(lambda self: self.links)
    @rule(which=WHICH, at=WHICH, node=st.integers(0, LINKS))
    def give_back(self, which: int, at: int, node: int) -> None:
        """A request is for a session of another node; or of one that ECM does not know."""
        link = self.link(which).link
        mine = [each for each in self.exchanges if each.id in link.table]
        if mine and link.node != f"node@{node}":
            event = Misdirected(mine[at % len(mine)].id, f"node@{node}", LINE, b"x")
            self.pool.redirect(link, event)

    @rule(seconds=st.sampled_from([1, QUEUE_TIMEOUT]))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        self.pool.tick(self.now)

    @invariant()
    def each_exchange_is_in_one_place(self) -> None:
        waiting = [each for each in self.exchanges if not each.got]
        assert len(self.pool) == len(waiting)
        assert all(len(each.got) <= 1 for each in self.exchanges)
        for each in waiting:
            assert sum(each.id in link.link.table for link in self.links) <= 1

    @invariant()
    def nothing_waits_for_another_link_than_a_congested_one_while_one_is_writable(self) -> None:
        statuses = [*self.pool.links.values()]
        assert len(statuses) == len(self.links)
        if LinkStatus.WRITABLE in statuses:
            congested = {
                link.slot
                for link, status in self.pool.links.items()
                if status is LinkStatus.CONGESTED
            }
            for each in self.exchanges:
                if not each.got and not any(each.id in link.link.table for link in self.links):
                    assert each.id % self.pool.nodes.number in congested
        if self.producer.paused:  # too few requests for a full queue
            assert LinkStatus.CONGESTED in statuses and LinkStatus.WRITABLE not in statuses


class PoolTests(TestCase):
    def test_whatever_links_do_each_exchange_ends_once(self) -> None:
        run_state_machine_as_test(Pool, settings=settings(stateful_step_count=60))
