"""The table of faults, its goals, and what is told of an outcome. No fault is tried here."""

import contextlib
import io
from typing import Any

from twisted.trial.unittest import TestCase

from bench.faults import report
from bench.faults.__main__ import main
from bench.faults.catalogue import faults
from bench.faults.goal import Goal
from bench.faults.lab import QUICK, Size
from bench.faults.outcome import Outcome
from bench.faults.runner import Estimate
from testkit.made_text import renewed

ALL_WELL = {
    "messages": 1_000,
    "losses": dict.fromkeys(("told", "untold", "stuck", "returned", "twice", "disordered"), 0),
    "sessions_lost": {},
    "users_with_errors": 0,
    "errors": {},
    "silence": [0.1, 0.9, 1.0],
    "fault_seconds": 1.0,
    "absent": 0,
}


def worse(**losses: int) -> dict[str, Any]:
    return ALL_WELL | {"losses": ALL_WELL["losses"] | losses}  # type: ignore[operator]


def outcome(name: str, *rounds: dict[str, Any], untried: str = "") -> Outcome:
    made = Outcome.of(name, f"about {name}", Goal(), rounds, {})
    return made if not untried else Outcome(name, name, "", (), (), {}, untried)


class CatalogueTests(TestCase):
    def test_names_are_given_once(self) -> None:
        names = [fault.name for fault in faults(Size())]
        self.assertEqual(len(names), len(set(names)))

    def test_names_do_not_depend_on_the_size(self) -> None:
        self.assertEqual(
            [each.name for each in faults(Size())], [each.name for each in faults(QUICK)]
        )


class GoalTests(TestCase):
    def test_a_goal_may_be_met(self) -> None:
        self.assertEqual(Goal(p99=0.9, longest=1).missed(ALL_WELL), [])

    def test_what_is_more_is_named(self) -> None:
        missed = Goal(longest=0.5).missed(worse(told=2, untold=1, twice=4))
        self.assertEqual(
            missed, ["answered and lost: 2", "unanswered and lost: 1", "twice: 4", "max (s): 1"]
        )

    def test_who_cannot_log_in_any_more_is_missed_whatever_the_goal_is(self) -> None:
        missed = Goal(*(None,) * 10).missed(ALL_WELL | {"absent": 2})
        self.assertEqual(missed, ["users who cannot log in any more: 2"])

    def test_silence_may_be_as_long_as_the_fault(self) -> None:
        long = ALL_WELL | {"silence": [0.1, 30, 30.5], "fault_seconds": 28.0}
        self.assertEqual(Goal(beyond=2.5).missed(long), [])
        self.assertEqual(Goal(beyond=2).missed(long), ["max beyond the fault (s): 2.5"])

    def test_there_need_not_be_one(self) -> None:
        free = Goal(*(None,) * 10)
        self.assertEqual(free.missed(worse(told=9)), [])
        self.assertEqual(free.words(), "none")

    def test_sessions_count_however_they_ended(self) -> None:
        lost = ALL_WELL | {"sessions_lost": {"status 404": 2, "terminate": 1}}
        self.assertEqual(Goal().missed(lost), ["sessions lost: 3"])

    def test_where_nobody_got_a_message_there_is_no_silence(self) -> None:
        nothing = ALL_WELL | {"silence": [None, None, None]}
        self.assertEqual(Goal(p99=1, longest=1).missed(nothing), [])


class OutcomeTests(TestCase):
    def test_a_cell_has_the_figures_of_all_rounds(self) -> None:
        cells = outcome("a", ALL_WELL, worse(stuck=2)).cells()
        self.assertEqual(cells["stuck"], "0 to 2")
        self.assertEqual(cells["messages"], "1,000")
        self.assertEqual(cells["silence p50 / p99 / max, s"], "0.1 / 0.9 / 1")
        self.assertEqual(cells["verdict"], "**not met**: stuck: 2")

    def test_what_is_not_tried_says_why(self) -> None:
        cells = outcome("a", untried="skipped: no such command").cells()
        self.assertEqual(cells["verdict"], "skipped: no such command")
        self.assertEqual(cells["twice"], "–")

    def test_a_run_is_well_without_what_cannot_be_tried(self) -> None:
        well = [outcome("a", ALL_WELL), outcome("b", untried="skipped: no such command")]
        ill = [outcome("a", worse(told=1)), outcome("b", untried="failed: no ejabberd")]
        found = [each.is_well for each in (*well, *ill)]
        self.assertEqual(found, [True, True, False, False])


class EstimateTests(TestCase):
    def test_it_is_the_plan_at_first(self) -> None:
        self.assertEqual(Estimate([30, 60]).left(0, 1_000), 90)

    def test_it_learns_from_what_took_longer(self) -> None:
        estimate = Estimate([30, 60, 60])
        estimate.left(0, 1_000)
        self.assertEqual(estimate.left(1, 1_060), 240)
        self.assertEqual(estimate.left(3, 1_300), 0)


class ReportTests(TestCase):
    maxDiff = None

    def test_what_is_new_takes_the_place_of_what_was_there(self) -> None:
        old = [outcome("a", ALL_WELL), outcome("b", ALL_WELL)]
        new = [outcome("b", worse(told=1)), outcome("c", ALL_WELL)]
        merged = report.merged(old, new, ["c", "b", "a"])
        self.assertEqual(merged, [new[1], new[0], old[0]])

    def test_what_is_not_tried_takes_no_place(self) -> None:
        old = [outcome("a", ALL_WELL)]
        untried = [outcome(name, untried="no") for name in ("a", "b")]
        self.assertEqual(report.merged(old, untried, ["a", "b"]), [old[0], untried[1]])

    def test_a_fault_that_there_is_no_more_is_left_out(self) -> None:
        self.assertEqual(report.merged([outcome("a", ALL_WELL)], [], ["b"]), [])

    def test_the_table_of_the_document_is_up_to_date(self) -> None:
        text = report.FILE.read_text()
        self.assertEqual(text, renewed(text, report.PARTS), "run: make bench-readme")


class MainTests(TestCase):
    def printed(self, *words: str) -> tuple[object, str, str]:
        """Return the exit status, and what goes to stdout and stderr."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status: object = main(words)
            except SystemExit as ended:
                status = ended.code
        return status, out.getvalue(), err.getvalue()

    def test_all_are_listed_with_their_goals(self) -> None:
        status, listed, _ = self.printed("--list")
        self.assertEqual(status, 0)
        for fault in faults(Size()):
            self.assertIn(f"{fault.name} ", listed)
            self.assertIn(fault.goal.words(), listed)

    def test_a_name_that_there_is_not_is_refused(self) -> None:
        refused = (1, "", "faults: no fault 'link-eaten': --list lists them\n")
        self.assertEqual(self.printed("link-rst", "link-eaten"), refused)

    def test_a_help_says_what_it_does(self) -> None:
        status, printed, _ = self.printed("--help")
        self.assertEqual(status, 0)
        self.assertIn("--rounds", printed)

    def test_too_few_users_are_refused(self) -> None:
        self.assertEqual(self.printed("--users", "3")[0], 2)
