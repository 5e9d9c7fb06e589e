"""A stop without a link: it waits for nothing that only a link could bring."""

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from ecm.frontend.cut_off import CutOff
from ecm.frontend.exchange import Exchange
from ecm.http.request import Request
from ecm.limits import STOP_WITHOUT_LINK
from testkit.in_memory import Joined


class File:
    """A handler whose responses have two parts."""

    exchange = Exchange

    def handle(self, exchange: Exchange, request: Request) -> None:
        exchange.respond(part for part in (b"one", b"two"))


class CutOffTests(TestCase):
    def setUp(self) -> None:
        self.ecm = Joined(otherwise=File())
        self.cut_off = CutOff(self.ecm.registry, self.ecm.pool.nodes)
        self.waiting = self.ecm.client()
        self.waiting.post(b"held")

    def leave(self) -> Deferred[None]:
        self.ecm.registry.drain()
        return self.cut_off.expect()

    def test_an_outage_that_has_lasted_is_known_at_once(self) -> None:
        self.ecm.link_down()
        self.ecm.client().post(b"waits")
        self.ecm.pass_time(STOP_WITHOUT_LINK)
        self.successResultOf(self.leave())

    def test_one_that_begins_has_its_time(self) -> None:
        self.ecm.link_down()
        found = self.leave()
        self.ecm.pass_time(STOP_WITHOUT_LINK - 1)
        self.assertNoResult(found)
        self.ecm.pass_time(1)
        self.successResultOf(found)

    def test_one_that_is_over_counts_no_more(self) -> None:
        self.ecm.link_down()
        self.ecm.pass_time(STOP_WITHOUT_LINK)
        self.ecm.link_up()
        self.ecm.pass_time(1)
        found = self.leave()
        self.ecm.pass_time(10)
        self.assertNoResult(found)

    def test_who_takes_a_file_is_waited_for(self) -> None:
        slow = self.ecm.client()
        slow.transport.stuck = True
        slow.protocol.dataReceived(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        self.ecm.link_down()
        found = self.leave()
        self.ecm.pass_time(10)
        self.assertNoResult(found)
        slow.transport.unstick()
        slow.transport.written()
        self.ecm.pass_time(1)
        self.successResultOf(found)

    def test_it_is_found_once(self) -> None:
        self.ecm.link_down()
        found = self.leave()
        self.ecm.pass_time(10)
        self.successResultOf(found)
