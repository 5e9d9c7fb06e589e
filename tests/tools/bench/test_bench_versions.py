"""The comparison of ejabberds: which of them is chosen, and what its figures are beside."""

import argparse
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import attrs
from twisted.trial.unittest import TestCase

from bench.cases.versions import Results, Subject, Turn, subjects, summaries, verdict
from bench.frame import Run
from bench.measure.node_cpu import Cost, Round
from bench.measure.node_memory import Growth
from bench.node import chosen
from bench.report.benchmarks_text import FILE, PARTS, version_table
from ecm.tools.ejabberd.installation import FOLDER
from ecm.tools.errors import ToolError
from testkit.made_text import renewed

FIRST = Subject("23.01", "25", None, [])
NEWER = Subject("24.12", "27", Path("24.12"), [])


def turn(number: int, version: str, rss: float, poll: float, message: float) -> Turn:
    growth = Growth("mod_ecm", 10_000, rss, rss, 0, 0, {"total": 500 + rss / 2}, {}, [])
    stock = Cost(1, 100, 0, 0)
    ours = {"poll": Cost(1, poll, 0, 0), "message": Cost(1, message, 0, 0)}
    return Turn(number, version, growth, [Round(number, what, stock, ours[what]) for what in ours])


TURNS = [
    turn(1, "23.01", rss=1000, poll=20, message=40),
    turn(1, "24.12", rss=1100, poll=30, message=60),
    turn(2, "23.01", rss=2000, poll=20, message=40),
    turn(2, "24.12", rss=2000, poll=32, message=58),
    turn(3, "23.01", rss=3000, poll=20, message=40),
    turn(3, "24.12", rss=3060, poll=34, message=56),
]


class VersionsTests(TestCase):
    maxDiff = None

    def test_a_ratio_is_that_of_one_round(self) -> None:
        first, newer = summaries([FIRST, NEWER], TURNS)
        self.assertEqual(str(first.ratio), "1.000 (1.000 to 1.000)")
        self.assertEqual(str(newer.ratio), "1.020 (1.000 to 1.100)")
        self.assertEqual((first.rss, newer.rss), (2000, 2000))
        self.assertEqual(str(newer.used_ratio), "1.015 (1.000 to 1.050)")
        self.assertEqual((first.used, newer.used), (1500, 1500))
        self.assertEqual(str(newer.cpu["poll"].ratio), "0.320 (0.300 to 0.340)")

    def test_the_verdict_is_on_memory_of_the_newer_and_on_cpu_of_all(self) -> None:
        found = verdict(Results(summaries([FIRST, NEWER], TURNS), TURNS))
        self.assertIn(
            "1.020 (1.000 to 1.100) × those with 23.01. The goal of 1.03 × is reached", found
        )
        self.assertIn("Message with ejabberd 24.12: 0.580 (0.560 to 0.600) ×", found)
        self.assertIn("The goal of 0.5 × is NOT reached", found)
        self.assertIn("Empty poll with ejabberd 23.01: 0.200", found)

    def test_the_table_is_made_of_what_is_written(self) -> None:
        results = attrs.asdict(Results(summaries([FIRST, NEWER], TURNS), TURNS))
        machine = {"date": "today", "users": "10000", "rounds": "3", "seconds": "5"}
        *_, newer, _, how = version_table(machine, results["summaries"])
        self.assertEqual(
            newer,
            "| 24.12 | 27 | 2,000 | **1.020 ×** (1.000 to 1.100)"
            " | 1,500 | **1.015 ×** (1.000 to 1.050)"
            " | 32 of 100 µs, **0.320 ×** (0.300 to 0.340)"
            " | 58 of 100 µs, **0.580 ×** (0.560 to 0.600) |",
        )
        self.assertIn("`--users 10000 --rounds 3 --seconds 5`", how)

    def test_the_table_is_up_to_date(self) -> None:
        text = FILE.read_text()
        self.assertEqual(text, renewed(text, PARTS), "run: make bench-readme")

    def test_one_is_chosen_for_a_while(self) -> None:
        with mock.patch.dict(os.environ, {FOLDER: "before"}):
            with chosen(Path("/folder")):
                self.assertEqual(os.environ[FOLDER], "/folder")
            with chosen(None):
                self.assertEqual(os.environ[FOLDER], "")
            self.assertEqual(os.environ[FOLDER], "before")

    def test_all_have_to_be_there_before_any_is_measured(self) -> None:
        folder = Path(self.enterContext(TemporaryDirectory()))
        run = Run(argparse.Namespace(roots=folder), folder, {})
        self.assertRaisesRegex(ToolError, "no ejabberd in .*/ejabberd-24.12", subjects, run)
        self.assertEqual(list(folder.iterdir()), [])
