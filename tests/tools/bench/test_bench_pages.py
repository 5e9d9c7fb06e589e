"""Results of today and of long ago are shown in the same words and pictures."""

import re

import attrs
from twisted.trial.unittest import TestCase

from bench.report import chart, report
from bench.report.goal import judged
from bench.report.pages import shown
from bench.report.structured import structured
from testkit.crossed import crossed
from testkit.paths import CHECKOUT

WORD = re.compile(r"\b(budget|aim)s?\b", re.IGNORECASE)


class PageTests(TestCase):
    maxDiff = None

    def test_pages_are_up_to_date(self) -> None:
        for result, page, _ in shown():
            written = (report.RESULTS / f"{result.name}.md").read_text()
            self.assertEqual(written, page, "run: make bench-readme")

    def test_what_is_read_and_written_again_is_the_same(self) -> None:
        for result, _, _ in shown():
            again = [structured(type(row), attrs.asdict(row)) for row in result.rows]
            self.assertEqual(again, result.rows)

    def test_a_goal_is_called_a_goal(self) -> None:
        files = [*CHECKOUT.glob("bench/**/*.py"), *report.RESULTS.glob("*.md")]
        documents = [CHECKOUT / "README.md", CHECKOUT / "docs" / "benchmarks.md"]
        for file in (*files, *documents):
            self.assertEqual(WORD.findall(file.read_text()), [], file)

    def test_goals(self) -> None:
        self.assertEqual(
            judged(1_400, 1_600, 1_200, "bytes"),
            "The goal of 1,600 bytes is reached; the next goal, 1,200 bytes, is not reached.",
        )
        self.assertIn("The goal of 0.65 × is NOT reached", judged(0.66, 0.65, 0.5, "×"))


class PictureTests(TestCase):
    def test_nothing_crosses_a_label(self) -> None:
        for result, _, outcome in shown():
            if outcome.figure is not None:
                chart.sign(outcome.figure, result.about)
                self.assertEqual(list(crossed(outcome.figure)), [], result.name)

    def test_a_label_that_is_crossed_is_found(self) -> None:
        figure = chart.bars("Title", "unit", [("ECM", 1.0), ("other", 2.0)], 1.5)
        axes = figure.axes[0]
        axes.text(1.5, 0, "on the line", ha="center")
        axes.text(1.5, 1, "on the bar", ha="center")
        self.assertEqual(set(crossed(figure)), {"on the line", "on the bar"})
