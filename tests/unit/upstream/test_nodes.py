"""Several nodes: which one takes a connection, and where its requests go while that cannot."""

from collections import Counter

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.limits import MAX_QUEUED_BYTES, MAX_REDIRECTS
from ecm.link.events import Misdirected
from ecm.link.message import GONE
from ecm.metrics import Metrics
from ecm.upstream import request_queue
from ecm.upstream.link import LinkStatus
from ecm.upstream.nodes import Nodes
from ecm.upstream.pending import CONGESTED, NO_LINK, NOT_UNDERSTOOD, STOPPING
from ecm.upstream.pool import Unavailable, UpstreamPool
from testkit.logs import lines
from testkit.pending import NotedExchange
from testkit.pool_links import LINE, QUEUE_TIMEOUT, LinkEnd, Producer

NODES = 3


class NodesTestCase(TestCase):
    def setUp(self) -> None:
        self.pool = UpstreamPool(1000, QUEUE_TIMEOUT, nodes=NODES)
        self.producer = Producer()
        self.pool.registerProducer(self.producer)
        self.metrics = Metrics()
        self.ends = [LinkEnd(self.pool, self.metrics, f"node@{each}") for each in range(NODES)]

    def end(self, connection_id: int) -> LinkEnd:
        """Return the link of the node that a connection asks."""
        [found] = [end for end in self.ends if end.slot == connection_id % self.pool.nodes.number]
        return found

    def ask(self, connection_id: int = 0, body: bytes = b"x") -> NotedExchange:
        exchange = NotedExchange(connection_id or self.pool.new_id())
        self.pool.request(exchange, LINE, body)
        return exchange

    def answered(self, exchange: NotedExchange) -> NotedExchange:
        [end] = [end for end in self.ends if exchange.id in end.link.table]
        end.link.table.answer(exchange.id, 200, b"y")
        return exchange

    def carriers(self, exchange: NotedExchange) -> list[LinkEnd]:
        return [end for end in self.ends if exchange.id in end.link.table]


class AffinityTests(NodesTestCase):
    def test_a_connection_stays_with_its_node(self) -> None:
        first = self.answered(self.ask())
        home = self.end(first.id)
        for _ in range(10):
            again = self.ask(first.id)
            self.assertEqual((self.carriers(again), again.id), ([home], first.id))
            self.answered(again)

    def test_what_is_pipelined_goes_there_too(self) -> None:
        first = self.ask()
        beside = self.ask(self.pool.new_id(first.id))
        self.assertEqual(self.carriers(beside), self.carriers(first))
        self.assertNotEqual(beside.id, first.id)

    def test_newcomers_are_spread_by_what_waits_there(self) -> None:
        loads = Counter(self.end(self.ask().id).slot for _ in range(300))
        self.assertEqual(sum(loads.values()), 300)
        self.assertLess(max(loads.values()) - min(loads.values()), 10)

    def test_newcomers_are_spread_by_the_load_that_nodes_tell(self) -> None:
        for end, told in zip(self.ends, (1000, 1000, 10), strict=True):
            end.link.told = told
        loads = Counter(self.end(self.ask().id).slot for _ in range(600))
        idle = self.ends[2].slot
        self.assertGreater(loads[idle], 300)  # two draws of three have it
        self.assertGreater(min(loads.values()), 50)

    def test_those_that_came_since_it_was_told_count(self) -> None:
        for end, told in zip(self.ends, (100, 100, 0), strict=True):
            end.link.told = told
        loads = Counter(self.end(self.ask().id).slot for _ in range(1000))
        self.assertLess(max(loads.values()) - min(loads.values()), 150)

    def test_none_goes_to_a_node_that_takes_none(self) -> None:
        for status in (LinkStatus.CONGESTED, LinkStatus.BROKEN, LinkStatus.DRAINING):
            with self.subTest(status):
                self.setUp()
                self.ends[1].become(status)
                for _ in range(50):
                    self.assertNotEqual(self.carriers(self.ask()), [self.ends[1]])

    def test_ids_are_never_used_again_and_never_0(self) -> None:
        nodes = Nodes(0, NODES)
        ids = [nodes.newcomer() for _ in range(5)] + [nodes.new_id(slot) for slot in range(4)]
        self.assertEqual(len({*ids}), len(ids))
        self.assertGreater(min(ids), 0)

    def test_slots_are_used_again(self) -> None:
        nodes = Nodes(1, 2)
        self.assertEqual([nodes.join(), nodes.join()], [0, 1])
        self.assertRaises(IndexError, nodes.join)
        nodes.leave(0)
        self.assertEqual(nodes.join(), 0)


class OutageTests(NodesTestCase):
    def test_requests_of_a_node_whose_link_is_broken_go_elsewhere_and_come_back(self) -> None:
        first = self.answered(self.ask())
        home = self.end(first.id)
        home.become(LinkStatus.BROKEN)
        away = self.ask(first.id)
        self.assertNotEqual(self.carriers(away), [home])
        self.assertEqual((away.id, away.got), (first.id, []))
        self.answered(away)
        home.up()
        self.assertEqual(self.carriers(self.ask(first.id)), [home])

    def test_requests_of_a_node_that_drains_go_elsewhere_and_stay_there(self) -> None:
        for status in (LinkStatus.DRAINING, LinkStatus.DOWN):
            with self.subTest(status):
                self.setUp()
                first = self.answered(self.ask())
                home = self.end(first.id)
                home.become(status)
                moved = self.ask(first.id)
                self.assertNotEqual(moved.id, first.id)
                self.assertEqual(self.carriers(moved), [self.end(moved.id)])
                self.assertNotEqual(self.end(moved.id), home)

    def test_a_node_that_is_down_loses_only_its_own(self) -> None:
        asked = [self.ask() for _ in range(30)]
        lost = [each for each in asked if self.end(each.id) is self.ends[0]]
        self.ends[0].down()
        self.assertTrue(lost)
        for each in asked:
            self.assertEqual(each.got, [NO_LINK] if each in lost else [])

    def test_what_it_has_not_acknowledged_goes_to_another(self) -> None:
        pool = UpstreamPool(1000, QUEUE_TIMEOUT, nodes=2)
        home = LinkEnd(pool, self.metrics, "node@0", "a0" * 16)
        ids = [pool.nodes.new_id(home.slot) for _ in range(4)]
        exchanges = []
        for connection_id in (*ids, ids[0]):
            exchanges.append(NotedExchange(connection_id))
            pool.request(exchanges[-1], LINE, b"%d" % len(exchanges))
            if len(exchanges) < 5:
                home.queue.acknowledge(len(exchanges) // 2)  # of the first two
            if len(exchanges) == 1:
                home.link.table.answer(connection_id, 200, b"y")
        pool.cancel(ids[3], GONE)
        home.become(LinkStatus.BROKEN)
        other = LinkEnd(pool, self.metrics, "node@1")
        home.down()
        self.assertEqual([body for _, body in other.sent()], [LINE + b"3", LINE + b"5"])
        self.assertEqual(
            [each.got for each in exchanges], [[(200, b"y", None)], [NO_LINK], [], [], []]
        )

    def test_the_only_node_gets_nothing_twice(self) -> None:
        pool = UpstreamPool(1000, QUEUE_TIMEOUT)
        end = LinkEnd(pool, self.metrics, "node@0", "a0" * 16)
        exchange = NotedExchange(pool.new_id())
        pool.request(exchange, LINE, b"x")
        end.down()
        self.assertEqual(exchange.got, [NO_LINK])

    def test_newcomers_avoid_a_node_that_acknowledges_nothing(self) -> None:
        silent = self.ends[0]
        silent.queue.pauseProducing()
        silent.queue.write(b"packet")
        for now in range(3):
            silent.queue.tick(now)
        for _ in range(20):
            self.assertNotEqual(self.carriers(self.ask()), [silent])
        self.ends[1].become(LinkStatus.BROKEN)
        self.ends[2].become(LinkStatus.BROKEN)
        self.assertEqual(self.carriers(self.ask()), [silent])

    def test_what_is_in_flight_on_a_node_that_drains_is_answered(self) -> None:
        asked = self.ask()
        self.end(asked.id).become(LinkStatus.DRAINING)
        self.answered(asked)
        self.assertEqual(asked.got, [(200, b"y", None)])

    def test_requests_wait_while_all_drain(self) -> None:
        for end in self.ends:
            end.become(LinkStatus.DRAINING)
        exchange = self.ask()
        self.pool.tick(QUEUE_TIMEOUT - 1)
        self.assertEqual(exchange.got, [])
        self.pool.tick(QUEUE_TIMEOUT)
        self.assertEqual(exchange.got, [STOPPING])

    def test_what_waited_for_a_congested_node_goes_elsewhere_when_its_link_breaks(self) -> None:
        first = self.answered(self.ask())
        home = self.end(first.id)
        home.become(LinkStatus.CONGESTED)
        waiting = self.ask(first.id)
        self.assertEqual(self.carriers(waiting), [])
        home.become(LinkStatus.BROKEN)
        self.assertEqual(len(self.carriers(waiting)), 1)

    def test_a_cancel_reaches_a_request_that_went_elsewhere(self) -> None:
        first = self.answered(self.ask())
        self.end(first.id).become(LinkStatus.BROKEN)
        away = self.ask(first.id)
        [carrier] = self.carriers(away)
        carrier.sent()
        self.pool.cancel(away.id, GONE)
        self.assertEqual(carrier.sent(), [(away.id, b"close gone")])


class RedirectTests(NodesTestCase):
    """mod_ecm gives a request back that is for a session of another node."""

    def setUp(self) -> None:
        super().setUp()
        self.here, self.there = self.ends[0], self.ends[1]
        self.exchange = self.ask(self.pool.nodes.new_id(self.here.slot))
        self.first_id = self.exchange.id

    def give_back(self, node: str = "node@1", line: bytes = LINE) -> None:
        self.pool.redirect(self.here.link, Misdirected(self.first_id, node, line, b"x"))

    def test_it_goes_on_to_that_node_and_so_do_the_next(self) -> None:
        self.give_back()
        self.assertEqual(self.carriers(self.exchange), [self.there])
        self.assertEqual(self.end(self.exchange.id), self.there)
        self.assertEqual(self.there.sent(), [(self.exchange.id, LINE + b"x")])
        self.assertEqual((self.metrics.redirected, self.metrics.lost), (1, 0))
        self.answered(self.exchange)
        self.assertEqual(self.carriers(self.ask(self.exchange.id)), [self.there])

    def test_it_waits_for_a_node_that_is_congested(self) -> None:
        self.there.become(LinkStatus.CONGESTED)
        self.give_back()
        self.assertEqual((self.carriers(self.exchange), len(self.pool)), ([], 1))
        self.there.up()
        self.assertEqual(self.carriers(self.exchange), [self.there])

    def test_one_that_ecm_does_not_reach_any_more_is_asked_through_another(self) -> None:
        for status in (LinkStatus.BROKEN, LinkStatus.DRAINING, LinkStatus.DOWN):
            with self.subTest(status):
                self.setUp()
                self.there.become(status)
                self.give_back()
                self.assertEqual(self.carriers(self.exchange), [self.here])

    def test_it_is_refused_if_it_cannot_wait(self) -> None:
        self.pool = UpstreamPool(1000, 0, nodes=NODES)
        self.ends = [LinkEnd(self.pool, self.metrics, f"node@{each}") for each in range(NODES)]
        self.here, self.there = self.ends[0], self.ends[1]
        self.exchange = self.ask(self.pool.nodes.new_id(self.here.slot))
        self.first_id = self.exchange.id
        self.there.become(LinkStatus.CONGESTED)
        self.give_back()
        self.assertEqual(self.exchange.got, [CONGESTED])

    def test_one_whose_client_has_gone_is_dropped(self) -> None:
        self.pool.cancel(self.first_id, GONE)
        self.give_back()
        self.assertEqual((self.there.sent(), self.metrics.orphaned), ([], 1))

    def bounce(self, times: int, part: bytes = b"") -> list[LinkEnd]:
        """Have whichever node has it give it back, so often at most. Returns these nodes."""
        carriers: list[LinkEnd] = []
        while len(carriers) < times and (found := self.carriers(self.exchange)):
            carriers += found
            if part:
                found[0].link.table.part(self.exchange.id, part)
            node = "node@0" if found[0] is self.there else "node@1"
            self.pool.redirect(found[0].link, Misdirected(self.exchange.id, node, LINE, b"x"))
        return carriers

    def test_one_that_comes_back_again_and_again_is_refused(self) -> None:
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        here, there = self.here, self.there
        self.assertEqual(self.bounce(10), [here, there] * ((MAX_REDIRECTS + 1) // 2))
        self.assertEqual(self.exchange.got, [NOT_UNDERSTOOD])
        why = "unexpected misdirected, though redirected"
        self.assertEqual(there.sent()[-1], (self.exchange.id, f"error {why}".encode()))
        self.assertEqual((self.metrics.redirected, self.metrics.failed), (MAX_REDIRECTS, 1))
        [line] = lines(log, "ecm.upstream.failures")
        self.assertIn("request failed, answered 503", line)
        self.assertIn("misdirected, though redirected", line)

    def test_so_is_one_that_has_a_part_of_an_answer_each_time(self) -> None:
        self.bounce(10, b"of this node")
        self.assertEqual(self.exchange.got, [NOT_UNDERSTOOD])

    def test_one_that_comes_back_as_often_as_it_may_is_answered(self) -> None:
        self.bounce(MAX_REDIRECTS)
        self.answered(self.exchange)
        self.assertEqual(self.exchange.got, [(200, b"y", None)])

    def test_many_of_these_are_one_line_of_the_log(self) -> None:
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        for _ in range(10):
            self.exchange = self.ask(self.pool.nodes.new_id(self.here.slot))
            self.bounce(10)
        self.assertEqual(len(lines(log, "ecm.upstream.failures")), 1)

    def test_parts_of_an_answer_are_void(self) -> None:
        self.here.link.table.part(self.first_id, b"of this node")
        self.give_back()
        self.assertEqual(self.there.sent(), [(self.exchange.id, LINE + b"x")])
        self.there.link.table.answer(self.exchange.id, 200, b"y")
        self.assertEqual(self.exchange.got, [(200, b"y", None)])

    def test_they_are_void_if_the_same_node_gets_it_again_too(self) -> None:
        self.here.link.table.part(self.first_id, b"of this node")
        self.give_back("unknown@node")
        [carrier] = self.carriers(self.exchange)
        carrier.link.table.answer(self.exchange.id, 200, b"y")
        self.assertEqual(self.exchange.got, [(200, b"y", None)])

    def test_each_node_hears_of_those_that_can_be_reached(self) -> None:
        def told() -> list[list[bytes] | None]:
            for end in self.ends:
                end.sent()
            return [end.nodes for end in self.ends]

        everybody = [[b"node@1", b"node@2"], [b"node@0", b"node@2"], [b"node@0", b"node@1"]]
        self.assertEqual(told(), everybody)
        for status in (LinkStatus.BROKEN, LinkStatus.DRAINING, LinkStatus.DOWN):
            with self.subTest(status):
                self.setUp()
                self.ends[2].become(status)
                self.assertEqual(told()[:2], [[b"node@1"], [b"node@0"]])
        self.ends[2].up()
        self.assertEqual({*map(bytes, told()[2] or ())}, {b"node@0", b"node@1"})

    def test_nodes_of_two_clusters_are_logged_once(self) -> None:
        log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        for cluster in ("", "a", "a"):
            for end in self.ends:
                self.pool.nodes.heard(end.link, 7, cluster)
        self.assertEqual(lines(log, "ecm.upstream.nodes"), [])
        for _ in range(2):
            self.pool.nodes.heard(self.ends[0].link, 7, "b")
        one, other = lines(log, "ecm.upstream.nodes")
        self.assertIn("node@0 and node@1 are not of one cluster: a session of one", one)
        self.assertIn("node@0 and node@2 are not", other)
        self.pool.nodes.heard(self.ends[0].link, 7, "a")  # it has joined the others
        self.assertEqual(len(lines(log, "ecm.upstream.nodes")), 2)

    def test_where_there_is_one_node_nobody_hears_of_any(self) -> None:
        end = LinkEnd(UpstreamPool(1, QUEUE_TIMEOUT), self.metrics)
        self.assertEqual((end.sent(), end.nodes), ([], None))


class CongestionTests(NodesTestCase):
    """Back-pressure: a node that takes nothing holds up its own clients."""

    def setUp(self) -> None:
        super().setUp()
        self.slow = self.ends[1]
        self.home = self.pool.nodes.new_id(self.slow.slot)
        self.slow.become(LinkStatus.CONGESTED)

    def test_its_clients_wait_and_nobody_is_paused(self) -> None:
        waiting = self.ask(self.home)
        other = self.ask()
        self.assertEqual((self.carriers(waiting), len(self.carriers(other))), ([], 1))
        self.assertFalse(self.producer.paused)
        self.slow.up()
        self.assertEqual(self.carriers(waiting), [self.slow])

    def test_a_client_is_refused_when_it_has_waited_for_too_long(self) -> None:
        waiting = self.ask(self.home)
        self.pool.tick(QUEUE_TIMEOUT)
        self.assertEqual(waiting.got, [CONGESTED])

    def test_nobody_is_paused_when_its_clients_have_filled_the_queue(self) -> None:
        self.patch(request_queue, "MAX_QUEUED_BYTES", 10_000)
        with self.assertRaises(Unavailable) as refused:
            while True:
                self.ask(self.home)
                self.home = self.pool.nodes.new_id(self.slow.slot)
        self.assertEqual(str(refused.exception), CONGESTED)
        self.assertFalse(self.producer.paused)
        self.assertEqual(len(self.carriers(self.ask())), 1)

    def test_all_are_paused_while_all_are_congested(self) -> None:
        for end in self.ends:
            self.assertFalse(self.producer.paused)
            end.become(LinkStatus.CONGESTED)
        self.assertTrue(self.producer.paused)
        newcomer = self.ask()
        self.ends[0].up()
        self.assertFalse(self.producer.paused)
        self.assertEqual(self.carriers(newcomer), [self.ends[0]])

    def test_all_are_paused_while_the_others_are_down_and_the_queue_is_full(self) -> None:
        self.ends[0].down()
        self.ends[2].down()
        self.slow.become(LinkStatus.BROKEN)
        self.assertFalse(self.producer.paused)
        body = b"x" * (MAX_QUEUED_BYTES // 8)
        while not self.producer.paused:
            self.ask(body=body)
        self.assertGreater(len(self.pool), 4)
