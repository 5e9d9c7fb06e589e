"""The service that keeps the link up."""

from collections.abc import Callable
from itertools import count

from OpenSSL.SSL import Error
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm import limits
from ecm.link.packet import LINK_ID, encode
from ecm.link.settings import LinkSettings
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.upstream.connector import LinkFactory, link_service
from ecm.upstream.link import LinkStatus
from ecm.upstream.pool import UpstreamPool
from ecm.upstream.protocol import LinkRefused
from testkit.in_memory import PLAIN
from testkit.logs import lines
from testkit.memory_endpoint import MemoryEndpoint
from testkit.pool_links import LinkEnd
from testkit.resuming_peer import HELLO_CONTENT
from testkit.typed_vectors import HELLO_PACKET


class LinkServiceTestCase(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.clock = Clock()
        self.endpoint = MemoryEndpoint()
        self.pool = UpstreamPool(1, 10)

    def start(self, settings: LinkSettings = PLAIN) -> None:
        self.coarse = CoarseClock(self.clock, self.clock.seconds)
        self.links = LinkFactory(self.pool, self.coarse, settings, Metrics())
        self.service = link_service(self.endpoint, "tcp:test", self.links, self.clock)
        self.service.startService()
        self.addCleanup(self.service.stopService)

    def wait_for_attempt(self) -> float:
        """Move the clock until the next attempt, and return the seconds that this took."""
        before, attempts = self.clock.seconds(), self.endpoint.attempts
        while self.endpoint.attempts == attempts:
            self.clock.advance(0.01)
        return self.clock.seconds() - before


class LinkServiceTests(LinkServiceTestCase):
    def test_the_link_comes_up_and_comes_back(self) -> None:
        self.start()
        self.assertTrue(self.pool.links)
        self.endpoint.hang_up()
        self.assertFalse(self.pool.links)
        self.wait_for_attempt()
        self.assertTrue(self.pool.links)

    def test_those_who_watch_see_why_there_is_none(self) -> None:
        self.endpoint.refuses = True
        self.start()
        report = self.links.watch.report(0, 0)
        self.assertEqual(
            (report.up, report.error), (False, "Connection was refused by other side.")
        )

    def test_pauses_grow_up_to_their_limit(self) -> None:
        self.endpoint.refuses = True
        self.start()
        pauses = [self.wait_for_attempt() for _ in range(60)]
        self.assertLess(pauses[0], 0.1)
        longest = 1 + limits.RECONNECT_JITTER
        for pause in pauses[10:30]:
            self.assertGreaterEqual(pause, limits.RECONNECT_DELAY_WAITING - 0.02)
            self.assertLess(pause, limits.RECONNECT_DELAY_WAITING * longest + 0.02)
        for pause in pauses[50:]:
            self.assertGreaterEqual(pause, limits.RECONNECT_DELAY_MAX - 0.02)
            self.assertLess(pause, limits.RECONNECT_DELAY_MAX * longest + 0.02)
        self.assertGreater(len(set(pauses[50:])), 1, "there is no jitter")

    def test_an_outage_of_five_seconds_is_over_after_six(self) -> None:
        self.endpoint.refuses = True
        self.start()
        while self.clock.seconds() < 5:
            self.wait_for_attempt()
        self.assertLess(self.clock.seconds(), 5 + limits.RECONNECT_DELAY_WAITING * 1.3)

    def test_an_attempt_that_hangs_is_given_up(self) -> None:
        self.endpoint.hangs = True
        self.start()
        self.assertEqual(self.endpoint.attempts, 1)
        self.assertLess(self.wait_for_attempt(), limits.CONNECT_TIMEOUT + 0.2)

    def test_a_link_that_always_breaks_at_once_is_braked(self) -> None:
        self.start()
        for _ in range(limits.RECONNECT_BURST):
            self.endpoint.hang_up()
            self.assertLess(self.wait_for_attempt(), 0.1)
        for _ in range(3):  # some more, for the time that this has taken
            self.endpoint.hang_up()
            self.wait_for_attempt()
        before = self.clock.seconds()
        for _ in range(10):
            self.endpoint.hang_up()
            self.wait_for_attempt()
        self.assertGreater(self.clock.seconds() - before, 9 / limits.RECONNECT_RATE)
        [line] = lines(self.log, "ecm.upstream.connector")
        self.assertIn("link to ejabberd at tcp:test breaks again and again", line)

    def test_one_that_breaks_every_three_seconds_is_back_at_once(self) -> None:
        self.start()
        for _ in range(40):
            self.clock.advance(3)
            self.endpoint.hang_up()
            self.assertLess(self.wait_for_attempt(), 0.1)

    def test_why_there_is_no_link_is_logged_once(self) -> None:
        self.endpoint.refuses = True
        self.start()
        self.wait_for_attempt()
        # Those of Twisted are for debugging.
        [line] = [formatEvent(each) for each in self.log if each["log_level"] > LogLevel.debug]
        self.assertIn("no link to ejabberd at tcp:test", line)
        self.assertIn("Connection was refused", line)
        self.endpoint.refuses = False
        self.wait_for_attempt()
        self.endpoint.refuses = True
        self.endpoint.hang_up()
        self.wait_for_attempt()
        said = [
            line for line in lines(self.log, "ecm.upstream.connector") if line.startswith("no link")
        ]
        self.assertEqual(len(said), 2)

    def lines_of_refusals(self, say: Callable[[int], str]) -> int:
        """Return the number of lines about refusals that give another reason each time."""
        number = count()
        self.endpoint.refuses = True
        self.endpoint.why = lambda: LinkRefused(say(next(number)))
        self.start()
        for _ in range(2 * limits.MAX_NO_LINK_REASONS):
            self.wait_for_attempt()
        return len(lines(self.log, "ecm.upstream.connector"))

    def test_a_reason_that_differs_in_a_number_is_one(self) -> None:
        self.assertEqual(self.lines_of_refusals(lambda number: f"id='{number}'"), 1)

    def test_of_reasons_that_differ_each_time_some_are_logged(self) -> None:
        said = self.lines_of_refusals(lambda number: "x" * number)
        self.assertEqual(said, limits.MAX_NO_LINK_REASONS)


class DeadNodeTests(LinkServiceTestCase):
    """A node whose beam has gone, beside another node or alone."""

    def setUp(self) -> None:
        super().setUp()
        self.pool = UpstreamPool(1, 10, nodes=2)
        self.other = LinkEnd(self.pool, Metrics())

    def make_link(self) -> None:
        """Have a link that can resume."""
        self.start(LinkSettings())
        self.coarse.start()
        for content in (HELLO_CONTENT, b"resume got=0 link=" + b"a0" * 16):
            self.endpoint.connections[0].dataReceived(encode(LINK_ID, content))
        self.assertEqual(len(self.pool.links), 2)

    def break_link(self) -> None:
        self.make_link()
        self.endpoint.hang_up()

    def statuses(self) -> set[LinkStatus]:
        return {*self.pool.links.values()}

    def test_it_is_given_up_where_nobody_listens_and_another_node_is_up(self) -> None:
        self.endpoint.refuses = False
        self.break_link()
        self.endpoint.refuses = True
        self.clock.pump([0.1] * 10 * (limits.NODE_DEAD_AFTER - 1))
        self.assertEqual(self.statuses(), {LinkStatus.WRITABLE, LinkStatus.BROKEN})
        self.clock.pump([0.1] * 30)
        self.assertEqual(self.statuses(), {LinkStatus.WRITABLE})
        down = [line for line in lines(self.log, "ecm.upstream.keeper") if " down: " in line]
        self.assertEqual(
            down,
            [
                "link to ejabberd@chat down: nobody listens there any more, and other nodes do;"
                " 0 requests lost, answered 503"
            ],
        )

    def test_it_is_kept_where_there_is_no_other(self) -> None:
        self.break_link()
        self.other.down()
        self.endpoint.refuses = True
        self.clock.pump([0.1] * 100)
        self.assertEqual(self.statuses(), {LinkStatus.BROKEN})

    def test_it_is_kept_for_longer_where_packets_are_lost(self) -> None:
        self.break_link()
        self.endpoint.hangs = True
        self.clock.pump([0.1] * 10 * (limits.NODE_UNREACHABLE_AFTER - 1))
        self.assertEqual(self.statuses(), {LinkStatus.WRITABLE, LinkStatus.BROKEN})
        self.clock.pump([0.1] * 40)
        self.assertEqual(self.statuses(), {LinkStatus.WRITABLE})
        *_, down = lines(self.log, "ecm.upstream.keeper")
        self.assertIn("link to ejabberd@chat down: it cannot be reached, and other nodes can", down)

    def test_one_that_hangs_is_given_up_a_second_after_the_link_timeout(self) -> None:
        """Its kernel goes on to accept connections."""
        self.make_link()
        self.until_it_breaks()
        self.assertEqual(round(self.clock.seconds()), limits.LINK_TIMEOUT)
        self.clock.pump([0.1] * 11)
        self.assertEqual(self.statuses(), {LinkStatus.WRITABLE})
        *_, down = lines(self.log, "ecm.upstream.keeper")
        self.assertIn("link to ejabberd@chat down: it says nothing, and other nodes do", down)

    def until_it_breaks(self) -> None:
        while LinkStatus.BROKEN not in self.statuses():
            self.clock.advance(0.1)

    def test_one_that_hangs_alone_is_kept(self) -> None:
        self.make_link()
        self.other.down()
        self.clock.pump([0.1] * 10 * (limits.LINK_TIMEOUT + limits.NODE_UNREACHABLE_AFTER + 3))
        self.assertEqual(self.statuses(), {LinkStatus.BROKEN})

    def test_one_that_was_silent_and_is_back_at_once_goes_on(self) -> None:
        self.make_link()
        self.until_it_breaks()
        while len(self.endpoint.connections) == 1:
            self.clock.advance(0.01)
        for content in (HELLO_CONTENT, b"resume got=0 link=" + b"a0" * 16):
            self.endpoint.connections[-1].dataReceived(encode(LINK_ID, content))
        self.clock.pump([0.1] * 30)
        self.assertEqual([*self.pool.links.values()], [LinkStatus.WRITABLE] * 2)


class HelloTests(LinkServiceTestCase):
    """Links that are not up at once: refused, slow, or silent."""

    def test_there_is_none_before_hello_is_answered(self) -> None:
        self.start(LinkSettings())
        self.assertFalse(self.pool.links)
        self.endpoint.connections[0].dataReceived(HELLO_PACKET)
        self.assertTrue(self.pool.links)
        self.endpoint.hang_up()
        self.wait_for_attempt()
        self.assertFalse(self.pool.links)
        self.assertIn(b"|hello version=1", self.endpoint.transport.value())

    def test_what_hangs_up_on_hello_gets_no_other_link(self) -> None:
        self.start(LinkSettings())
        for _ in range(5):
            self.assertIn(b"|hello version=1", self.endpoint.transport.value())
            self.endpoint.hang_up()
            self.wait_for_attempt()
        self.assertFalse(self.pool.links)
        [line] = lines(self.log, "ecm.upstream.connector")
        self.assertIn("it closes the link and does not answer hello; is that a mod_ecm?", line)

    def test_pauses_grow_against_one_that_accepts_and_hangs_up(self) -> None:
        self.start(LinkSettings())
        pauses = []
        for _ in range(10):
            self.endpoint.hang_up()
            pauses.append(self.wait_for_attempt())
        self.assertGreaterEqual(pauses[-1], limits.RECONNECT_DELAY_WAITING - 0.02)

    def test_a_node_that_leaves_before_gets_none(self) -> None:
        self.start(LinkSettings())
        self.links.leave()
        self.assertTrue(self.endpoint.transport.aborted)
        self.assertFalse(self.pool.links)

    def test_why_it_is_refused_is_logged_once_with_the_address(self) -> None:
        self.start(LinkSettings())
        for _ in range(3):
            self.endpoint.connections[-1].dataReceived(
                HELLO_PACKET.replace(b"version=1", b"version=7")
            )
            self.wait_for_attempt()
        [line] = lines(self.log, "ecm.upstream.connector")
        self.assertIn("no link to ejabberd at tcp:test: ", line)
        self.assertIn("ecm speaks 1, ejabberd speaks 7", line)

    def test_it_stops_in_the_middle(self) -> None:
        self.start(LinkSettings())
        self.successResultOf(self.service.stopService())
        self.assertTrue(self.endpoint.transport.aborted)
        self.assertEqual(lines(self.log, "ecm.upstream.connector"), [])

    def test_why_a_connection_fails_is_logged_once(self) -> None:
        self.start(LinkSettings())
        for _ in range(5):
            self.endpoint.fail(Error([("SSL routines", "", "certificate verify failed")]))
            self.wait_for_attempt()
        self.assertFalse(self.pool.links)
        self.assertIn(b"|hello version=1", self.endpoint.transport.value())
        [line] = lines(self.log, "ecm.upstream.connector")
        self.assertIn("name the authority with :trustRoots=FOLDER behind the endpoint", line)

    def test_a_stop_while_the_name_is_looked_up_is_no_reason(self) -> None:
        self.endpoint.hangs = True
        self.start()
        self.endpoint.connecting.errback(ConnectingCancelledError("HostnameAddress"))
        self.assertEqual(lines(self.log, "ecm.upstream.connector"), [])
