"""Results, as JSON and Markdown in ``bench/results/``."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

from bench.report.structured import structured

RESULTS = Path(__file__).parent.parent / "results"

T = TypeVar("T")


def table(columns: Mapping[str, Callable[[T], str]], rows: Sequence[T]) -> str:
    """Return a table in Markdown, whose columns are as wide as their widest cell."""
    cells = [list(columns), *([show(row) for show in columns.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [_line(row, widths) for row in cells]
    lines.insert(1, _line(["-" * width for width in widths], widths))
    return "\n".join(lines)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    return f"| {' | '.join(cells)} |"


@attrs.frozen
class Result:
    """The rows of a measurement, what was noted about the machine, and the name of its files."""

    name: str
    about: Mapping[str, str]
    rows: Sequence[Any]


def page(title: str, about: Mapping[str, str], text: str, verdict: str) -> str:
    """Return the page of a result in Markdown."""
    machine = "\n".join(f"* {key}: {value}" for key, value in about.items())
    return f"# {title}\n\n{text}\n\n{verdict}\n\n{machine}\n"


def write(result: Result, page: str) -> None:
    """Write it to ``name``.json, and its page to ``name``.md."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{result.name}.md").write_text(page)
    data = {"machine": result.about, "results": [attrs.asdict(row) for row in result.rows]}
    (RESULTS / f"{result.name}.json").write_text(json.dumps(data, indent=2) + "\n")


def read(name: str, row: type) -> Result:
    """Return the result whose file has this name, with rows of a class."""
    data = json.loads((RESULTS / f"{name}.json").read_text())
    return Result(name, data["machine"], [structured(row, each) for each in data["results"]])
