"""The watch over a link."""

from twisted.trial.unittest import TestCase

from ecm.status.snapshot import LinkReport
from testkit.in_memory import PLAIN, TYPED, Joined
from testkit.typed_vectors import HELLO_PACKET

EPOCH = 1_700_000_000


class LinkWatchTests(TestCase):
    def report(self, ecm: Joined) -> LinkReport:
        now = ecm.reactor.seconds()
        return ecm.links.watch.report(now, EPOCH + now)

    def test_a_link_that_is_up_and_goes(self) -> None:
        ecm = Joined(link=PLAIN)
        ecm.pass_time(5)
        ecm.client().post(b"held")
        report = self.report(ecm)
        self.assertEqual((report.state, report.protocol, report.up), ("writable", "plain", True))
        self.assertEqual((report.since, report.requests), (EPOCH + 1, 1))
        ecm.link_down()
        report = self.report(ecm)
        self.assertEqual((report.state, report.protocol, report.up), ("down", "", False))
        self.assertEqual(
            (report.since, report.error),
            (EPOCH + 5, "Connection to the other side was lost in a non-clean fashion."),
        )

    def test_one_that_is_full_stays_up(self) -> None:
        ecm = Joined(link=PLAIN)
        ecm.pass_time(2)
        ecm.congest(True)
        ecm.pass_time(2)
        report = self.report(ecm)
        self.assertEqual((report.state, report.up), ("congested", True))
        self.assertEqual((report.since, report.full_since), (EPOCH + 1, EPOCH + 3))
        ecm.congest(False)
        report = self.report(ecm)
        self.assertEqual(
            (report.state, report.since, report.full_since), ("writable", EPOCH + 1, 0)
        )

    def test_a_typed_one_has_the_name_of_its_node(self) -> None:
        ecm = Joined(link=TYPED)
        self.assertEqual(self.report(ecm), LinkReport(state="down", since=EPOCH))
        ecm.link.dataReceived(HELLO_PACKET)
        report = self.report(ecm)
        self.assertEqual((report.node, report.protocol), ("ejabberd@chat", "typed"))
