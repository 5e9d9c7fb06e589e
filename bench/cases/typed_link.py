"""CPU per request: a typed link beside a plain one.

Clients on connections that stay open ask, wait for their answer and ask again, as fast as ECM can.
What is behind it answers each request with its own body. In every round two ECMs are started, with
a plain link and with a typed one, and take turns (bench/measure/interleave.py). The result is the
CPU of ECM's process for one request: typed divided by plain, the median of all rounds.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import Case, Option, Outcome, Run, announce, rounds
from bench.measure.interleave import Load, Subject, loads, middle, saturation, told
from bench.report import chart, report
from bench.report.goal import reached
from testkit.servers.megaphone import ecm
from testkit.servers.process import python

# How much of plain's CPU for each request a typed link may take.
GOAL = 1.15

START = 4  # seconds, about, to start everything and to stop it

TITLE = "A typed link beside a plain one"


@attrs.frozen
class Round:
    """The figures of each form, and the CPU for each request of typed divided by plain."""

    number: int
    plain: Load
    typed: Load
    ratio: float = attrs.field(init=False)

    @ratio.default
    def _divide(self) -> float:
        return self.typed.cpu_each / self.plain.cpu_each


COLUMNS: dict[str, Callable[[Round], str]] = {
    "round": lambda row: str(row.number),
    "plain, requests/s": lambda row: f"{row.plain.per_second:,.0f}",
    "typed, requests/s": lambda row: f"{row.typed.per_second:,.0f}",
    "plain, µs each": lambda row: f"{row.plain.cpu_each:.1f}",
    "typed, µs each": lambda row: f"{row.typed.cpu_each:.1f}",
    "typed / plain": lambda row: f"{row.ratio:.3f}",
    "CPU of ECM": lambda row: f"{row.plain.front_end:.0f} %, {row.typed.front_end:.0f} %",
    "of clients and peer": lambda row: f"{row.plain.others:.0f} %, {row.typed.others:.0f} %",
}


@contextmanager
def subject(protocol: str, clients: int) -> Iterator[Subject]:
    with (
        TemporaryDirectory() as folder,
        python("testkit.servers.link_echo") as echo,
        ecm(Path(folder), echo.number(), protocol=protocol) as (front_end, port),
        python("bench.load.closed_loop", str(port), str(clients)) as askers,
    ):
        yield Subject(front_end, echo, askers)


def measure_round(clients: int, seconds: int, number: int) -> Iterator[Round]:
    with subject("plain", clients) as plain, subject("typed", clients) as typed:
        yield Round(number, *loads([plain, typed], seconds))


def tell(row: Round) -> str:
    return f"plain {told(row.plain)}, typed {told(row.typed)}, typed / plain {row.ratio:.3f}"


def verdict(rows: Sequence[Round]) -> str:
    ratios = [row.ratio for row in rows]
    both = [load for row in rows for load in (row.plain, row.typed)]
    return (
        f"A request over a typed link takes {median(ratios):.3f} × the CPU of one over a plain link"
        f" (median of {len(rows)} rounds, {min(ratios):.3f} to {max(ratios):.3f})."
        f" The goal of {GOAL} × is {reached(median(ratios), GOAL)}.\n\n{saturation(both)}"
    )


def plot(rows: Sequence[Round]) -> Figure:
    plain = middle(row.plain for row in rows).cpu_each
    typed = middle(row.typed for row in rows).cpu_each
    bars = [("ECM, plain link", plain), ("ECM, typed link", typed)]
    return chart.bars(TITLE, "µs of ECM's CPU for each request", bars, round(GOAL * plain, 1))


def measure(run: Run) -> list[Round]:
    options = run.options
    announce(options.rounds * (2 * options.seconds + START))
    return rounds(options.rounds, partial(measure_round, options.clients, options.seconds), tell)


def show(rows: Sequence[Round]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), verdict(rows), plot(rows))


CASE = Case(
    title=TITLE,
    row=Round,
    measure=measure,
    show=show,
    options=(
        Option("seconds", 5, "of each form in a round"),
        Option("clients", 100, "that ask at the same time"),
        Option("rounds", 7, "with both forms, started anew"),
    ),
)
