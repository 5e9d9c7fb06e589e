"""``bench/results/faults``: what all faults have come to. Those that are run take the place of what
was there of them.

``python -m bench.faults.report`` writes the table of docs/faults.md again from it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from bench.faults.outcome import Outcome, columns
from bench.report import report
from testkit.made_text import renewed
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "docs" / "faults.md"
_JSON = report.RESULTS / "faults.json"
_PAGE = report.RESULTS / "faults.md"


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the table in Markdown."""
    shown = {name: _cell(name) for name in columns()}
    return report.table(shown, [outcome.cells() for outcome in outcomes])


def _cell(name: str) -> Any:
    return lambda cells: cells[name]


def kept() -> list[Outcome]:
    """Return what is in bench/results."""
    if not _JSON.exists():
        return []
    return [Outcome(**each) for each in json.loads(_JSON.read_text())["results"]]


def merged(old: Iterable[Outcome], new: Iterable[Outcome], order: Sequence[str]) -> list[Outcome]:
    """Return all, in this order of their names; what is new counts, unless it was not tried."""
    found = {each.name: each for each in old}
    found |= {each.name: each for each in new if not each.untried or each.name not in found}
    return [found[name] for name in order if name in found]


def write(outcomes: Sequence[Outcome], about: dict[str, str]) -> None:
    """Write ``bench/results/faults.json`` and ``.md``."""
    report.RESULTS.mkdir(exist_ok=True)
    data = {"machine": about, "results": [attrs.asdict(each) for each in outcomes]}
    _JSON.write_text(json.dumps(data, indent=2) + "\n")
    machine = "\n".join(f"* {key}: {value}" for key, value in about.items())
    _PAGE.write_text(f"# Faults\n\n{table(outcomes)}\n\n{machine}\n")


def _made() -> Iterator[str]:
    outcomes = kept()
    if not outcomes:
        yield "(There are no results in `bench/results/`: `make faults` writes them.)"
        return
    yield table(outcomes)


PARTS = {"faults": _made}


if __name__ == "__main__":
    FILE.write_text(renewed(FILE.read_text(), PARTS))
