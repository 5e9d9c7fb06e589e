"""Nodes that a name stands for: they come, and go when they have answered."""

from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import TestCase

from ecm.limits import LEAVE_TIMEOUT, LOOKUP_INTERVAL, LOOKUPS_MISSED, MAX_NODES
from ecm.metrics import Metrics
from ecm.net.clock import CoarseClock
from ecm.upstream.connector import LinkFactory, link_service
from ecm.upstream.link import LinkStatus
from ecm.upstream.lookup import LookupFailed
from ecm.upstream.members import Member, Members
from ecm.upstream.names import NodeName
from ecm.upstream.pending import NO_LINK
from ecm.upstream.pool import UpstreamPool
from testkit.in_memory import PLAIN
from testkit.logs import lines
from testkit.memory_endpoint import MemoryEndpoint
from testkit.pending import NotedExchange

NAME = "dns:tcp:chat.example:5290"


class Names:
    """Look-ups, answered as the test says: with endpoints, or with why there are none."""

    def __init__(self) -> None:
        self.found: list[str] | str = []
        self.asked = 0

    async def endpoints(self, name: NodeName) -> list[str]:
        self.asked += 1
        if isinstance(self.found, str):
            raise LookupFailed(self.found)
        return self.found


class MembersTests(TestCase):
    def setUp(self) -> None:
        self.log = EventLoggingObserver.createWithCleanup(self, globalLogPublisher)
        self.reactor = Clock()
        self.clock = CoarseClock(self.reactor, self.reactor.seconds)
        self.clock.start()
        self.addCleanup(self.clock.stop)
        self.pool = UpstreamPool(1, 10, nodes=MAX_NODES)
        self.clock.listen(self.pool.tick)
        self.names = Names()
        self.endpoints: dict[str, MemoryEndpoint] = {}

    def start(self, *upstream: str) -> Members:
        names: Any = self.names
        members = Members(upstream, self.connect, names, self.reactor)
        members.startService()
        self.addCleanup(members.stopService)
        return members

    def connect(self, endpoint: str) -> Member:
        if endpoint == "odd":
            raise ValueError("not a name")
        if endpoint == "no file":
            raise FileNotFoundError("no certificates")
        links = LinkFactory(self.pool, self.clock, PLAIN, Metrics())
        self.endpoints[endpoint] = MemoryEndpoint()
        service = link_service(self.endpoints[endpoint], endpoint, links, self.reactor)
        return Member(links, service)

    def look(self, times: int = 1) -> None:
        self.reactor.pump([LOOKUP_INTERVAL] * times)

    def up(self) -> set[str]:
        return {
            text
            for text, endpoint in self.endpoints.items()
            if endpoint.connections and endpoint.transport.connected
        }

    def ask(self) -> NotedExchange:
        exchange = NotedExchange(self.pool.new_id())
        self.pool.request(exchange, b"request\n", b"x")
        return exchange

    def test_nodes_are_added_as_they_are_found(self) -> None:
        self.names.found = ["one", "two"]
        self.start(NAME, "tcp:fixed:1")
        self.assertEqual(self.up(), {"one", "two", "tcp:fixed:1"})
        self.names.found = ["one", "two", "three"]
        self.look()
        self.assertEqual(self.up(), {"one", "two", "three", "tcp:fixed:1"})
        self.assertEqual(len(self.pool.links), 4)
        self.assertIn(f"{NAME}: node at three found", lines(self.log, "ecm.upstream.members"))

    def test_a_node_that_is_missed_once_stays(self) -> None:
        self.names.found = ["one", "two"]
        self.start(NAME)
        for _ in range(LOOKUPS_MISSED):
            self.names.found = ["one"]
            self.look(LOOKUPS_MISSED - 1)
            self.names.found = ["two", "one"]
            self.look()
        self.assertEqual(set(self.pool.links.values()), {LinkStatus.WRITABLE})
        self.assertEqual([endpoint.attempts for endpoint in self.endpoints.values()], [1, 1])

    def test_a_node_that_goes_answers_and_gets_no_more(self) -> None:
        self.names.found = ["one", "two"]
        self.start(NAME)
        asked = [self.ask() for _ in range(8)]
        self.names.found = ["one"]
        self.look(LOOKUPS_MISSED + 1)
        self.assertEqual(self.up(), {"one", "two"})
        [gone] = [link for link, at in self.pool.links.items() if at is LinkStatus.DRAINING]
        before = len(gone.table)
        self.assertEqual(before, 4)
        for _ in range(8):
            self.ask()
        self.assertEqual(len(gone.table), before)
        for each in asked:
            gone.table.answer(each.id, 200, b"y")
        self.look()
        self.assertEqual(self.up(), {"one"})
        self.assertEqual(sum(bool(each.got) for each in asked), 4)
        self.assertEqual([*self.pool.links.values()], [LinkStatus.WRITABLE])

    def test_one_that_does_not_answer_is_given_up(self) -> None:
        self.names.found = ["one", "two"]
        self.start(NAME)
        asked = [self.ask() for _ in range(8)]
        self.names.found = ["one"]
        self.look(LOOKUPS_MISSED)
        self.reactor.pump([1] * (LEAVE_TIMEOUT - LOOKUP_INTERVAL))
        self.assertFalse(any(each.got for each in asked))
        self.look(2)
        self.assertEqual([each.got for each in asked].count([NO_LINK]), 4)
        self.assertEqual(self.up(), {"one"})

    def test_one_whose_link_is_down_goes_at_once_and_does_not_come_back(self) -> None:
        self.names.found = ["one", "two"]
        self.start(NAME)
        self.endpoints["two"].refuses = True
        self.endpoints["two"].hang_up()
        self.names.found = ["one"]
        self.look(LOOKUPS_MISSED + 1)
        self.endpoints["two"].refuses = False
        self.reactor.pump([1] * 30)
        self.assertEqual(self.up(), {"one"})

    def test_its_place_is_for_another_one(self) -> None:
        self.start(NAME)
        for number in range(3 * MAX_NODES):
            self.names.found = [str(number)]
            self.look(LOOKUPS_MISSED + 2)
            self.assertEqual(self.up(), {str(number)})

    def test_while_nobody_knows_nodes_stay_and_it_is_logged_once(self) -> None:
        self.names.found = ["one"]
        self.start(NAME)
        self.names.found = "no name server"
        self.look(5)
        self.assertEqual(self.up(), {"one"})
        said = f"the nodes of {NAME} stay as they are: no name server"
        self.assertEqual(lines(self.log, "ecm.upstream.members").count(said), 1)

    def test_one_that_cannot_be_used_keeps_nobody_out(self) -> None:
        self.names.found = ["odd", "two"]
        self.start(NAME)
        self.look(2)
        self.assertEqual((self.up(), self.names.asked), ({"two"}, 3))
        said = f"{NAME}: odd cannot be used: not a name"
        self.assertIn(said, lines(self.log, "ecm.upstream.members"))

    def test_look_ups_go_on_while_files_of_an_endpoint_cannot_be_read(self) -> None:
        self.names.found = ["no file", "two"]
        self.start(NAME)
        self.look(2)
        self.assertEqual((self.up(), self.names.asked), ({"two"}, 3))
        said = f"{NAME}: no file cannot be used: no certificates"
        self.assertIn(said, lines(self.log, "ecm.upstream.members"))

    def test_each_fault_is_logged_once_and_again_after_all_was_well(self) -> None:
        odd: list[str] | str = ["no file", "odd", "two"]
        self.names.found = odd
        self.start(NAME)
        for found in (odd, "no name server", odd, ["two"], odd, "no name server", odd):
            self.names.found = found
            self.look(2)
        found = lines(self.log, "ecm.upstream.members")
        for said in (
            f"{NAME}: odd cannot be used: not a name",
            f"{NAME}: no file cannot be used: no certificates",
            f"the nodes of {NAME} stay as they are: no name server",
        ):
            self.assertEqual(found.count(said), 2, said)

    def test_what_was_wrong_before_is_forgotten(self) -> None:
        members = self.start(NAME)
        for number in range(100):
            self.names.found = f"failure {number}"
            self.look()
        self.assertLess(len(repr(members._failures)), 1000)

    def test_more_nodes_than_there_may_be(self) -> None:
        self.names.found = [f"{number:02}" for number in range(MAX_NODES + 2)]
        self.start(NAME)
        self.look(3)
        self.assertEqual(len(self.up()), MAX_NODES)
        said = f"{NAME}: more than {MAX_NODES} nodes, some get no link"
        self.assertEqual(lines(self.log, "ecm.upstream.members").count(said), 1)

    def test_once_it_has_stopped_it_looks_up_nothing(self) -> None:
        self.names.found = ["one"]
        members = self.start(NAME)
        self.successResultOf(members.stopService())
        asked = self.names.asked
        self.look(3)
        self.assertEqual((self.names.asked, self.up()), (asked, set()))
        members.startService()

    def test_endpoints_alone_are_not_looked_up(self) -> None:
        self.start("tcp:fixed:1")
        self.look(3)
        self.assertEqual((self.names.asked, self.up()), (0, {"tcp:fixed:1"}))
