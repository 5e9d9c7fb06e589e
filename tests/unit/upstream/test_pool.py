"""The pool, with two links: which takes a request, and what waits while none does."""

from twisted.internet.interfaces import IPushProducer
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from ecm.link.message import GONE
from ecm.metrics import Metrics
from ecm.upstream.link import LinkStatus
from ecm.upstream.pending import CONGESTED, NO_LINK, STOPPING
from ecm.upstream.pool import Unavailable, UpstreamPool
from testkit.in_memory import Joined
from testkit.pending import NotedExchange
from testkit.pool_links import LINE, QUEUE_TIMEOUT, LinkEnd, Producer


class PoolTestCase(TestCase):
    def setUp(self) -> None:
        self.metrics = Metrics()
        self.pool = UpstreamPool(1, QUEUE_TIMEOUT)
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

    def test_after_a_time_they_are_rejected_until_there_is_one(self) -> None:
        exchange = self.ask()
        self.pool.tick(QUEUE_TIMEOUT)
        self.assertEqual((exchange.got, self.refusal(), len(self.pool)), ([NO_LINK], NO_LINK, 0))
        end = self.end()
        self.ask()
        self.assertEqual(len(end.sent()), 1)

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
        self.assertEqual((queued.got, self.refusal()), ([CONGESTED], CONGESTED))
        self.assertFalse(self.producer.paused)
        end.queue.resumeProducing()
        self.assertEqual([each for each, _ in end.sent()], [each.id for each in sent])

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

    def test_while_ejabberd_stops_requests_are_refused_at_once(self) -> None:
        end = self.end()
        end.become(LinkStatus.DRAINING)
        self.assertEqual((self.refusal(), self.producer.paused), (STOPPING, False))
        end.down()
        exchange = self.ask()
        self.end()
        self.assertEqual(exchange.got, [])

    def test_once_ecm_stops_nobody_waits_for_a_link(self) -> None:
        exchange = self.ask()
        self.pool.drain()
        self.pool.tick(0)
        self.assertEqual(exchange.got, [NO_LINK])

    def test_ids_are_never_used_again(self) -> None:
        self.assertEqual([self.pool.new_id() for _ in range(3)], [1, 2, 3])

    def test_the_front_end_is_a_push_producer(self) -> None:
        verifyObject(IPushProducer, Joined().clients)
        verifyObject(IPushProducer, self.end().queue)
