"""``python -m bench.report.pages``: the pages and pictures of all results, made again from what was
measured, so that old ones say things as new ones do.

A test says when a page is not up to date.
"""

from collections.abc import Iterator

from bench.__main__ import all_cases
from bench.frame import Outcome
from bench.report import chart, report

FAULTS = "faults"  # of bench.faults, which has a page of its own


def shown() -> Iterator[tuple[report.Result, str, Outcome]]:
    """Give each result with its page, and what else is shown of it."""
    cases = all_cases()
    for file in sorted(report.RESULTS.glob("*.json")):
        name = file.stem.partition("-")[0]
        if name != FAULTS:
            case, _ = cases[name]
            result = report.read(file.stem, case.row)
            outcome = case.show(result.rows)
            text, verdict = outcome.text, outcome.verdict
            yield result, report.page(case.title, result.about, text, verdict), outcome


def main() -> None:
    for result, page, outcome in shown():
        report.write(result, page)
        if outcome.figure is not None:
            chart.save(result.name, outcome.figure, result.about)


if __name__ == "__main__":
    main()
