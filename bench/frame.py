"""The frame of all measurements: options, rounds, and the report."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, TypeVar

import attrs
from matplotlib.figure import Figure

from bench import node
from bench.measure.machine import machine
from bench.report import chart, report
from ecm.tools.errors import ToolError

T = TypeVar("T")

_STOPS = [signal.SIGINT, signal.SIGTERM]


def positive(text: str) -> int:
    """Read a number of an option. Raises ValueError below 1."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


@attrs.frozen
class Option:
    """``--name VALUE``; ``read`` raises ValueError for a value that makes no sense."""

    name: str
    default: Any
    help: str
    read: Callable[[str], Any] = positive


EBIN = Option("ebin", None, "a folder in which mod_ecm is compiled already", Path)


@attrs.frozen
class Run:
    """A case that runs: its options, a folder that goes with it, and what is written ``about`` the
    machine and the programs beside its figures."""

    options: argparse.Namespace
    folder: Path
    about: dict[str, str]

    def code(self) -> list[Path]:
        """Compile what runs in ejabberd (``EBIN`` is an option), and note the versions."""
        code = node.compiled(self.folder, self.options.ebin)
        self.about.update(node.versions(code))
        return code


@attrs.frozen
class Outcome:
    """The rows of a case as they are shown: a table in Markdown, a verdict on the goal, a chart. A
    run that is not ``good`` ends with status 1."""

    text: str
    verdict: str
    figure: Figure | None = None
    good: bool = True


@attrs.frozen
class Case:
    """A measurement. Its results have the name of its module; the module's docstring says what is
    measured, and how.

    ``measure`` returns rows of the class ``row``, and raises ToolError where a program fails.
    ``show`` is given such rows, of this run or of an old one. ``suffix`` goes into the names of the
    files of a run whose options were not the usual ones.
    """

    title: str
    row: type
    measure: Callable[[Run], Sequence[Any]]
    show: Callable[[Sequence[Any]], Outcome]
    options: Sequence[Option] = ()
    note: str = ""
    suffix: Callable[[argparse.Namespace], str] = lambda options: ""


def run(name: str, case: Case, options: argparse.Namespace) -> int:
    """Measure, print the result, and write it to ``bench/results``. Returns the exit status."""
    _stop_on_signals()
    about = machine() | _figures(options)
    with TemporaryDirectory() as folder:
        try:
            rows = case.measure(Run(options, Path(folder), about))
        except ToolError as error:
            sys.exit(f"bench {name}: {error}")
    result = report.Result(name + case.suffix(options), about, rows)
    outcome = case.show(rows)
    page = report.page(case.title, about, outcome.text, outcome.verdict)
    print(page)
    report.write(result, page)
    if outcome.figure is not None:
        chart.save(result.name, outcome.figure, about)
    return 0 if outcome.good else 1


def _figures(options: argparse.Namespace) -> dict[str, str]:
    """The options that say what was measured: not where the files of this machine are."""
    given = vars(options).items()
    return {key: str(value) for key, value in given if not isinstance(value, Path)}


def rounds(count: int, measure: Callable[[int], Iterable[T]], tell: Callable[[T], str]) -> list[T]:
    """Measure so many rounds, of which each gives one figure or several; tell how each went."""
    found = []
    for number in range(1, count + 1):
        for one in measure(number):
            print(f"round {number} of {count}, {tell(one)}", file=sys.stderr, flush=True)
            found.append(one)
    return found


def announce(seconds: float) -> None:
    """Say on the terminal how long it takes."""
    print(f"this takes about {seconds:.0f} seconds", file=sys.stderr, flush=True)


def _stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM end this program through all its ``with`` blocks."""
    for number in _STOPS:
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for stop in _STOPS:
        signal.signal(stop, signal.SIG_IGN)  # a second one would leave the blocks half done
    sys.exit(128 + number)
