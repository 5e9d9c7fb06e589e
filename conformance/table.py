"""The table of the results, in Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from conformance.errors import SuiteError
from conformance.outcome import Outcome, Result

BEGIN = "<!-- results: written by --table -->\n"
END = "<!-- end of the results -->\n"

_SIGNS = {Result.PASS: "pass", Result.FAIL: "**fail**", Result.SKIP: "skip"}


def put_table(page: Path, outcomes: Mapping[str, Sequence[Outcome]]) -> None:
    """Replace what stands between the two marks of the page. Raises SuiteError."""
    try:
        before, _, rest = page.read_text().partition(BEGIN)
    except OSError as error:
        raise SuiteError(f"{page}: {error.strerror}") from error
    _, end, after = rest.partition(END)
    if not end:
        raise SuiteError(f"{page} has no lines {BEGIN.strip()} and {END.strip()}")
    page.write_text(before + BEGIN + table(outcomes) + END + after)


def table(outcomes: Mapping[str, Sequence[Outcome]]) -> str:
    """A row for each script, a column for each server."""
    columns = list(outcomes.values())
    head = ["script", "level", "XEP", *outcomes]
    rows = [head, ["---"] * len(head)]
    for row in zip(*columns, strict=True):
        script = row[0].script
        rows.append([script.name, script.level, script.xep, *(_SIGNS[o.result] for o in row)])
    rows.append(["passed", "", "", *(_passed(column) for column in columns)])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _passed(column: Sequence[Outcome]) -> str:
    tried = [outcome for outcome in column if outcome.result is not Result.SKIP]
    return f"{sum(o.result is Result.PASS for o in tried)} of {len(tried)}"
