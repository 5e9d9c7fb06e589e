"""Totals over processes that begin and end: no sum ever becomes less."""

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from ecm.metrics import Metrics
from ecm.status.form import encode
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Ledger
from ecm.workers.report import Report


class LedgerTests(TestCase):
    @given(st.lists(st.tuples(st.sampled_from(["begin", "count", "end"]), st.integers(1, 3))))
    def test_sums_are_of_all_that_has_been_told(self, steps: list[tuple[str, int]]) -> None:
        ledger = Ledger()
        running: list[Any] = []
        told = dict.fromkeys((1, 2, 3), 0)
        for step, number in steps:
            there = [each for each in running if each[0].number == number]
            if step == "begin":
                running.append([Report(number), 0])
                ledger.began(running[-1][0])
            for each in there[:1]:
                if step == "count":
                    each[1] += number
                    each[0].received(encode(Snapshot(metrics=Metrics(answers=each[1]))))
                    told[number] += number
                elif step == "end":
                    running.remove(each)
                    ledger.ended(each[0])
            found = {of: metrics.answers for of, metrics in ledger.totals().metrics.items()}
            self.assertEqual({of: found.get(of, 0) for of in told}, told)

    def test_they_are_not_changed_by_what_comes_later(self) -> None:
        ledger, report = Ledger(), Report(1)
        ledger.began(report)
        report.received(encode(Snapshot(metrics=Metrics(answers=1))))
        before = ledger.totals()
        copy = attrs.asdict(before)
        report.received(encode(Snapshot(metrics=Metrics(answers=5))))
        ledger.ended(report)
        self.assertEqual(attrs.asdict(before), copy)

    def test_restarts_are_counted_by_how(self) -> None:
        ledger = Ledger()
        ledger.restarted("exited with status 1")
        ledger.restarted("was killed by SIGKILL")
        ledger.restarted("was killed by SIGTERM")
        ledger.replaced()
        self.assertEqual(ledger.totals().restarts, {"exit": 1, "signal": 2, "asked": 1})
