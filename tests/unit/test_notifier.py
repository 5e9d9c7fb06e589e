"""The notifier: what systemd hears of an ECM, and when."""

import attrs
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from ecm.limits import NOTIFY_INTERVAL, READY_ANYWAY
from ecm.notifier import Notifier, summary
from ecm.operated import STARTING, ProcessStatus
from ecm.status.snapshot import Connections, LinkReport, Snapshot
from testkit.operated import ToldEcm

UP = LinkReport(state="writable")
DOWN = LinkReport(state="down")


def snapshot(connections: int, *links: LinkReport) -> Snapshot:
    return Snapshot(connections=Connections(open=connections), links=links)


class SummaryTests(TestCase):
    def test_it_is_that_of_all_processes(self) -> None:
        told = [snapshot(12_000, UP), snapshot(345, UP, DOWN)]
        self.assertEqual(summary(told), "12,345 connections, 2 of 3 links")


class NotifierTests(TestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ecm = ToldEcm()
        self.ecm.told_last = [snapshot(0, DOWN)]
        self.told: list[str] = []
        self.notifier = self.started(watchdog=30)

    def started(self, watchdog: float) -> Notifier:
        notifier = Notifier(
            self.ecm, 20, lambda *states: self.told.extend(states), watchdog, self.clock
        )
        notifier.startService()
        return notifier

    def pass_time(self, seconds: int) -> list[str]:
        """Return what is told meanwhile."""
        self.told.clear()
        self.clock.pump([1] * seconds)
        return [*self.told]

    def test_ecm_is_ready_with_its_first_link(self) -> None:
        self.assertEqual(self.pass_time(3), [])
        self.ecm.told_last = [snapshot(2, DOWN), snapshot(0, UP)]
        self.assertEqual(
            self.pass_time(1), ["READY=1", "STATUS=2 connections, 1 of 2 links", "WATCHDOG=1"]
        )

    def test_it_is_so_without_one_in_time(self) -> None:
        self.assertEqual(self.pass_time(READY_ANYWAY - 1), [])
        self.assertEqual(self.pass_time(1)[0], "READY=1")

    def test_what_has_changed_is_told(self) -> None:
        self.pass_time(READY_ANYWAY)
        self.assertEqual(self.pass_time(NOTIFY_INTERVAL), ["WATCHDOG=1"])
        self.ecm.told_last = [snapshot(1, UP)]
        told = self.pass_time(NOTIFY_INTERVAL)
        self.assertEqual(told, ["STATUS=1 connections, 1 of 1 links", "WATCHDOG=1"])

    def test_it_lives_while_a_process_serves(self) -> None:
        self.pass_time(READY_ANYWAY)
        process = ProcessStatus(1, 4711)
        for states, lives in ((["serves", STARTING], True), ([STARTING, STARTING], False)):
            found = [attrs.evolve(process, state=state) for state in states]
            self.patch(self.ecm, "processes", lambda found=found: found)
            self.assertEqual(bool(self.pass_time(NOTIFY_INTERVAL)), lives)

    def test_the_watchdog_hears_of_it_in_time(self) -> None:
        self.notifier.stopService()
        self.started(watchdog=3)
        self.pass_time(READY_ANYWAY)
        self.assertEqual(self.pass_time(6), ["WATCHDOG=1"] * 6)

    def test_without_a_watchdog_nothing_is_told_over_and_over(self) -> None:
        self.notifier.stopService()
        self.started(watchdog=0)
        self.pass_time(READY_ANYWAY)
        self.assertEqual(self.pass_time(60), [])

    def test_when_it_stops_it_has_the_time_to_drain(self) -> None:
        self.pass_time(READY_ANYWAY)
        self.told.clear()
        self.notifier.stopService()
        stopping, extended = self.told
        self.assertEqual(stopping, "STOPPING=1")
        self.assertEqual(extended, "EXTEND_TIMEOUT_USEC=29500000")
        self.assertEqual(self.pass_time(60), [])

    def test_it_may_stop_before_it_is_ready(self) -> None:
        self.notifier.stopService()
        self.assertEqual(self.told[0], "STOPPING=1")
        self.assertEqual(self.pass_time(60), [])
