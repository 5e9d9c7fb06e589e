"""The pool, with two links: which takes a request, and what waits while none does."""

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ecm import limits
from ecm.limits import REFUSAL_TIME, REFUSALS
from ecm.link.message import GONE
from ecm.metrics import Metrics
from ecm.upstream import request_queue
from ecm.upstream.link import LinkStatus
from ecm.upstream.pending import CONGESTED, NO_LINK, STOPPING
from ecm.upstream.pool import Unavailable, UpstreamPool
from testkit.in_memory import Joined
from testkit.pending import NotedExchange
from testkit.pool_links import LINE, QUEUE_TIMEOUT, LinkEnd, Producer


class PoolTestCase(TestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.now = 0
        self.pool = UpstreamPool(1, QUEUE_TIMEOUT, nodes=4)
        self.producer = Producer()
        self.pool.registerProducer(self.producer)

    def end(self) -> LinkEnd:
        return LinkEnd(self.pool, self.metrics)

    def ask(self, body: bytes = b"x") -> NotedExchange:
        exchange = NotedExchange(self.pool.new_id())
        self.pool.request(exchange, LINE, body)
        return exchange

    def refusal(self) -> str:
        """Return why a request is refused at once."""
        return str(self.assertRaises(Unavailable, self.ask))

    def pass_time(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += 1
            self.pool.tick(self.now)


class TwoLinksTests(PoolTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.other = self.end(), self.end()

    def test_one_that_breaks_loses_only_its_own(self) -> None:
        first = self.ask()
        self.one.become(LinkStatus.CONGESTED)
        second = self.ask()
        self.assertEqual((len(self.one.link.table), len(self.other.link.table)), (1, 1))
        self.one.down()
        self.assertEqual((first.got, second.got, self.metrics.lost), ([NO_LINK], [], 1))
        self.other.link.table.answer(second.id, 200, b"y")
        self.assertEqual(second.got, [(200, b"y", None)])
        self.assertTrue(self.pool.links)

    def test_requests_go_on_over_the_other_one(self) -> None:
        self.one.down()
        exchange = self.ask()
        self.assertEqual(self.other.sent(), [(exchange.id, LINE + b"x")])
        self.other.down()
        self.assertEqual(exchange.got, [NO_LINK])
        waiting = self.ask()
        self.one.up()
        self.assertEqual(self.one.sent(), [(waiting.id, LINE + b"x")])

    def test_the_front_end_is_paused_while_both_are_congested(self) -> None:
        self.one.become(LinkStatus.CONGESTED)
        self.assertFalse(self.producer.paused)
        self.other.become(LinkStatus.CONGESTED)
        self.assertTrue(self.producer.paused)
        exchange = self.ask()
        self.other.become(LinkStatus.WRITABLE)
        self.assertFalse(self.producer.paused)
        self.assertEqual(self.other.sent(), [(exchange.id, LINE + b"x")])

    def test_one_that_goes_while_both_are_congested_does_not_begin_the_wait_again(self) -> None:
        self.one.become(LinkStatus.CONGESTED)
        self.other.become(LinkStatus.CONGESTED)
        exchange = self.ask()
        self.pool.tick(QUEUE_TIMEOUT - 1)
        self.one.down()
        self.assertTrue(self.producer.paused)
        self.pool.tick(QUEUE_TIMEOUT)
        self.assertEqual(exchange.got, [CONGESTED])

    def test_a_cancel_goes_over_the_link_that_has_the_request(self) -> None:
        first = self.ask()
        self.one.become(LinkStatus.CONGESTED)
        second = self.ask()
        self.one.sent(), self.other.sent()
        self.pool.half_closed(second.id)
        self.pool.cancel(second.id, GONE)
        self.pool.cancel(second.id, GONE)
        said = [(second.id, b"close half-closed"), (second.id, b"close gone")]
        self.assertEqual((self.one.sent(), self.other.sent()), ([], said))
        self.pool.cancel(first.id, GONE)
        self.assertEqual(self.one.sent(), [(first.id, b"close gone")])

    def test_one_that_drains_is_sent_nothing_new_and_answers(self) -> None:
        exchange = self.ask()
        self.one.become(LinkStatus.DRAINING)
        self.one.become(LinkStatus.WRITABLE)  # its queue is empty again
        self.one.sent()
        self.ask()
        self.assertEqual(self.one.sent(), [])
        self.one.link.table.answer(exchange.id, 200, b"y")
        self.assertEqual(exchange.got, [(200, b"y", None)])

    def test_requests_wait_for_one_that_breaks_while_the_other_drains(self) -> None:
        self.other.become(LinkStatus.DRAINING)
        self.one.become(LinkStatus.CONGESTED)
        exchange = self.ask()
        self.one.down()
        self.assertEqual(exchange.got, [])
        again = self.end()
        self.assertEqual(again.sent(), [(exchange.id, LINE + b"x")])

    def test_both_are_told_that_ecm_stops_and_can_be_aborted(self) -> None:
        self.pool.drain()
        self.assertEqual((self.one.sent(), self.other.sent()), ([(0, b"drain")], [(0, b"drain")]))
        self.pool.abort()
        self.assertTrue(self.one.wire.aborted and self.other.wire.aborted)
        self.assertFalse(self.pool.links)


class StateTests(PoolTestCase):
    def test_while_there_is_no_link_requests_wait_and_clients_are_read(self) -> None:
        exchanges = [self.ask(b"%d" % each) for each in range(3)]
        self.assertEqual((len(self.pool), self.producer.paused), (3, False))
        end = self.end()
        self.assertEqual([body[len(LINE) :] for _, body in end.sent()], [b"0", b"1", b"2"])
        self.assertEqual([exchange.got for exchange in exchanges], [[], [], []])

    def test_each_is_refused_once_after_a_time_of_its_own(self) -> None:
        first = self.ask()
        self.pass_time(QUEUE_TIMEOUT - 1)
        second = self.ask()
        self.pass_time(1)
        self.assertEqual((first.got, second.got), ([NO_LINK], []))
        third = self.ask()
        self.pass_time(QUEUE_TIMEOUT - 1)
        self.assertEqual((second.got, third.got, len(self.pool)), ([NO_LINK], [], 1))
        end = self.end()
        self.assertEqual([each for each, _ in end.sent()], [third.id])

    def test_a_client_that_gives_up_after_five_errors_is_there_after_two_minutes(self) -> None:
        """As Strophe does, which asks again after a 503, and waits for 66 seconds."""
        pool = UpstreamPool(1, limits.QUEUE_TIMEOUT)
        refused = 0
        exchange = NotedExchange(pool.new_id())
        pool.request(exchange, LINE, b"x")
        for now in range(120):
            pool.tick(now)
            if exchange.got:
                refused += 1
                exchange = NotedExchange(pool.new_id())
                pool.request(exchange, LINE, b"x")
        self.assertEqual(refused, 2)

    def test_the_front_end_is_paused_while_too_many_wait(self) -> None:
        self.patch(request_queue, "MAX_QUEUED_BYTES", 10_000)
        exchanges = [self.ask()]
        while not self.producer.paused:
            exchanges.append(self.ask())
        exchanges.append(self.ask())  # it was read already
        self.assertEqual([each.got for each in exchanges], [[]] * len(exchanges))
        for exchange in exchanges[: len(exchanges) // 2]:
            self.pool.cancel(exchange.id, GONE)
        self.pool.tick(1)
        self.assertFalse(self.producer.paused)

    def test_when_many_are_lost_they_are_told_one_after_the_other(self) -> None:
        end = self.end()
        exchanges = [self.ask() for _ in range(3 * REFUSALS)]
        end.down()
        refused = [sum(bool(each.got) for each in exchanges)]
        self.pool.cancel(exchanges[-1].id, GONE)
        for _ in range(3):
            self.pass_time(1)
            refused.append(sum(bool(each.got) for each in exchanges))
        self.assertEqual(refused, [200, 400, 599, 599])
        self.assertEqual(len(self.pool), 0)

    def test_all_that_are_lost_are_told_within_seconds(self) -> None:
        end = self.end()
        exchanges = [self.ask() for _ in range(10 * REFUSALS)]
        end.down()
        self.pass_time(REFUSAL_TIME)
        self.assertEqual([each.got for each in exchanges], [[NO_LINK]] * len(exchanges))

    def test_a_broken_link_keeps_its_requests_and_gets_no_new_ones(self) -> None:
        end = self.end()
        sent = self.ask()
        end.sent()
        end.become(LinkStatus.BROKEN)
        waiting = self.ask()
        self.pass_time(QUEUE_TIMEOUT - 1)
        self.assertEqual((sent.got, waiting.got, end.sent()), ([], [], []))
        end.up()
        self.assertEqual([each for each, _ in end.sent()], [waiting.id])

    def test_requests_wait_for_a_broken_link_while_another_drains(self) -> None:
        one, other = self.end(), self.end()
        one.become(LinkStatus.BROKEN)
        other.become(LinkStatus.DRAINING)
        self.assertEqual((self.ask().got, len(self.pool)), ([], 1))

    def test_once_ecm_stops_nobody_waits_for_a_broken_link(self) -> None:
        end = self.end()
        exchanges = [self.ask() for _ in range(2 * REFUSALS)]
        end.become(LinkStatus.BROKEN)
        self.pool.drain()
        self.assertEqual([each.got for each in exchanges], [[NO_LINK]] * len(exchanges))
        self.assertEqual((self.refusal(), len(self.pool)), (NO_LINK, 0))

    def test_a_link_that_comes_while_ecm_stops_is_told_so_once(self) -> None:
        self.pool.drain()
        end = self.end()
        self.assertEqual(end.sent(), [(0, b"drain")])
        self.assertTrue(end.link.is_final)
        end.become(LinkStatus.CONGESTED)
        end.up()
        self.assertEqual(end.sent(), [])

    def test_a_link_that_goes_begins_a_wait_of_its_own(self) -> None:
        self.pool.tick(QUEUE_TIMEOUT)
        self.end().down()
        exchange = self.ask()
        self.pool.tick(2 * QUEUE_TIMEOUT - 1)
        self.assertEqual(exchange.got, [])
        self.pool.tick(2 * QUEUE_TIMEOUT)
        self.assertEqual(exchange.got, [NO_LINK])

    def test_a_congested_link_pauses_and_rejects_in_time(self) -> None:
        end = self.end()
        end.queue.pauseProducing()
        sent = [self.ask(b"x" * 20) for _ in range(2)]
        queued = self.ask()
        self.assertTrue(self.producer.paused)
        self.pool.tick(QUEUE_TIMEOUT)
        later = self.ask()
        self.assertEqual((queued.got, later.got), ([CONGESTED], []))
        self.assertFalse(self.producer.paused)
        end.queue.resumeProducing()
        self.assertEqual([each for each, _ in end.sent()], [each.id for each in [*sent, later]])

    def test_what_was_queued_may_congest_it_again(self) -> None:
        exchanges = [self.ask(b"x" * 20) for _ in range(3)]
        end = self.end()
        end.down()
        for exchange in exchanges:
            self.assertEqual(exchange.got, [NO_LINK])
        exchanges = [self.ask(b"x" * 20) for _ in range(3)]
        end.queue.pauseProducing()
        end.up()
        self.assertTrue(self.producer.paused)
        self.assertEqual((len(end.link.table), len(self.pool)), (2, 3))
        end.sent()
        end.queue.resumeProducing()
        self.assertEqual([each for each, _ in end.sent()], [each.id for each in exchanges])
        self.assertFalse(self.producer.paused)

    def test_one_that_is_cancelled_while_it_waits_is_not_sent(self) -> None:
        self.pool.cancel(self.ask().id, GONE)
        self.assertEqual((len(self.pool), self.end().sent()), (0, []))

    def test_while_the_only_node_stops_requests_wait_for_the_next_link(self) -> None:
        end = self.end()
        end.become(LinkStatus.DRAINING)
        first = self.ask()
        self.pass_time(QUEUE_TIMEOUT - 1)
        second = self.ask()
        self.pass_time(1)
        self.assertEqual((first.got, second.got), ([STOPPING], []))
        self.assertFalse(self.producer.paused)
        end.down()
        self.assertEqual(second.got, [])
        self.assertEqual([each for each, _ in self.end().sent()], [second.id])

    def test_once_ecm_stops_nobody_waits_for_a_link(self) -> None:
        exchange = self.ask()
        self.pool.drain()
        self.pool.tick(0)
        self.assertEqual(exchange.got, [NO_LINK])

    def test_ids_are_never_used_again(self) -> None:
        pool = UpstreamPool(1, QUEUE_TIMEOUT)
        self.assertEqual([pool.new_id() for _ in range(3)], [1, 2, 3])
        several = [self.pool.new_id() for _ in range(3)]
        self.assertEqual((len({*several}), 0 in several), (3, False))

    def test_the_front_end_is_a_push_producer(self) -> None:
        verifyObject(IPushProducer, Joined().clients)
        verifyObject(IPushProducer, self.end().queue)
