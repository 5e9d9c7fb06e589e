"""Writes what was measured: to stdout, and as JSON and Markdown into ``bench/results/``."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs

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


def write(
    name: str, title: str, about: Mapping[str, str], text: str, verdict: str, rows: Sequence[Any]
) -> None:
    """Print a result, and write it to ``name``.json and ``name``.md."""
    machine = "\n".join(f"* {key}: {value}" for key, value in about.items())
    page = f"# {title}\n\n{text}\n\n{verdict}\n\n{machine}\n"
    print(page)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(page)
    data = {"machine": about, "results": [attrs.asdict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(data, indent=2) + "\n")
