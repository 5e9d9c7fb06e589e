"""Snapshots of a worker, from its end of the control socket to the other."""

from typing import Any, cast

from twisted.trial.unittest import TestCase

from ecm.limits import MAX_ANSWER, MAX_SNAPSHOT
from ecm.log.warnings import Warned
from ecm.status.form import encode
from ecm.status.snapshot import Snapshot
from ecm.workers import control
from ecm.workers.control import ControlSocket
from ecm.workers.report import Report
from ecm.workers.reporter import Reporter
from testkit.fake_reactor import FakeReactor

LONG = Snapshot(warnings=tuple(Warned("ä" * 300, "warn", each, each) for each in range(400)))


class ServerThatTells:
    def __init__(self) -> None:
        self.now = Snapshot()

    def snapshot(self) -> Snapshot:
        return self.now


class ReporterTests(TestCase):
    def setUp(self) -> None:
        self.reactor = cast(Any, FakeReactor())
        ours, theirs = control.pair()
        self.server = cast(Any, ServerThatTells())
        self.received: list[bytes] = []
        end = ControlSocket(ours, lambda *_: None, self.fail, self.reactor)
        self.other = ControlSocket(
            theirs, self.receive, lambda: None, cast(Any, FakeReactor()), MAX_ANSWER
        )
        self.addCleanup(self.other.close)
        self.addCleanup(end.close)
        self.end = end
        self.reporter = Reporter(self.server, end)

    def receive(self, message: bytes, files: list[int]) -> None:
        self.received.append(message)

    def told(self) -> list[Snapshot | None]:
        """Let the clock tick, and return what the supervisor hears then."""
        self.reporter.tick(0)
        self.other.drain()
        received, self.received = self.received, []
        reports = []
        for message in received:
            self.assertEqual(message[:1], control.SNAPSHOT)
            report = Report(7)
            report.received(message[1:])
            reports.append(report.snapshot)
        return reports

    def test_it_is_told_if_it_is_another_one(self) -> None:
        self.assertEqual(self.told(), [Snapshot(number=7)])
        self.assertEqual(self.told(), [])
        self.server.now = Snapshot(held=3)
        self.assertEqual(self.told(), [Snapshot(number=7, held=3)])

    def test_the_longest_comes_through(self) -> None:
        self.server.now = LONG
        (told,) = self.told()
        assert told is not None
        self.assertEqual(told.omitted, {"warnings": 400 - len(told.warnings)})
        self.assertGreater(len(encode(LONG)), MAX_SNAPSHOT // 4)

    def test_one_at_most_is_on_its_way(self) -> None:
        for held in range(100):
            self.server.now = Snapshot(held=held)
            self.reporter.tick(0)
        self.assertFalse(self.end.is_read)
        self.other.drain()
        self.assertTrue(self.end.is_read)
        self.assertEqual(self.received, [control.SNAPSHOT + encode(Snapshot())])
        self.received.clear()
        self.assertEqual(self.told(), [Snapshot(number=7, held=99)])


class ReportTests(TestCase):
    def test_without_a_word_there_is_none(self) -> None:
        self.assertIsNone(Report(1).snapshot)

    def test_it_is_the_last_one(self) -> None:
        report = Report(1)
        for held in (1, 2):
            report.received(encode(Snapshot(held=held)))
            self.assertEqual(report.snapshot, Snapshot(number=1, held=held))

    def test_what_cannot_be_read_is_none(self) -> None:
        report = Report(1)
        report.received(b"{")
        self.assertIsNone(report.snapshot)
