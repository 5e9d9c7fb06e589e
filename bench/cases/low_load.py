"""CPU per poll at low load, by the number of workers.

Users rest, and so many of them a second poll: each time, all that is on the server's side wakes up,
does one thing, and sleeps again. That is what a server does at night, and what it does with people
who are only there. A user's first poll opens its second connection, so some seconds of polls come
before those that count. In each round each server is started anew, one after another; the ratio is
to stock ejabberd (BOSH, with nothing in front) in the same round.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, rounds
from bench.load.message_load import Load, What, talk
from bench.measure.machine import proxies
from bench.measure.server_side import Server
from bench.report import chart, report
from bench.servers import STOCK, behind_nginx, stock, with_workers
from ecm.kernel import raise_open_files

# What Megaphone promises of every request, beside stock ejabberd alone.
GOAL = 1.0

RATES = [100, 800]  # polls a second, of all users
WORKERS = [1, 2, 8]

TITLE = "A poll when few come"

Start = Callable[[Path, list[Path]], AbstractContextManager[Server]]

SERVERS: dict[str, Start] = {
    **{f"ECM with --workers {each}": partial(with_workers, workers=each) for each in WORKERS},
    STOCK: stock,
    "ejabberd behind nginx": behind_nginx,
}


@attrs.frozen
class Measured:
    """One server in one round at a rate, in polls a second."""

    number: int
    rate: int
    name: str
    load: Load


@attrs.frozen
class Row:
    """A server at a rate: medians of all rounds in microseconds, all of the server's side and each
    part; milliseconds; and the ratio to stock ejabberd, with its range."""

    rate: int
    name: str
    cpu: float
    parts: dict[str, float]
    p50: float
    ratio: float
    least: float
    greatest: float


COLUMNS: dict[str, Callable[[Row], str]] = {
    "polls/s": lambda row: f"{row.rate:,}",
    "server": lambda row: row.name,
    "µs a poll": lambda row: f"{row.cpu:.0f}",
    "of which": lambda row: ", ".join(f"{part} {cpu:.0f}" for part, cpu in row.parts.items()),
    "× stock alone": lambda row: f"{row.ratio:.2f} ({row.least:.2f} to {row.greatest:.2f})",
    "p50, ms": lambda row: f"{row.p50:.1f}",
}


def measure_one(
    number: int, name: str, code: list[Path], options: argparse.Namespace
) -> Iterator[Measured]:
    with TemporaryDirectory() as folder, SERVERS[name](Path(folder), code) as server:
        for rate in RATES:
            course = (What.POLL, options.users, options.seconds, rate)
            load = talk(server, Path(folder), *course, warm_up=options.warm_up)
            yield Measured(number, rate, name, load)


def tell(found: Measured) -> str:
    return f"{found.name}: {found.rate} polls/s at {found.load.cpu_each:.0f} µs"


def rows_of(found: list[Measured]) -> list[Row]:
    by_rate = [[one for one in found if one.rate == rate] for rate in RATES]
    return [row(name, ones) for ones in by_rate for name in SERVERS]


def row(name: str, found: list[Measured]) -> Row:
    """Return that of one server, of all that was measured at a rate."""
    own = [one.load for one in found if one.name == name]
    others = [one.load for one in found if one.name == STOCK]
    ratios = [load.cpu_each / other.cpu_each for load, other in zip(own, others, strict=True)]
    return Row(
        rate=found[0].rate,
        name=name,
        cpu=median(load.cpu_each for load in own),
        parts={part: median(load.cpu[part] for load in own) for part in own[0].cpu},
        p50=median(load.p50 for load in own),
        ratio=median(ratios),
        least=min(ratios),
        greatest=max(ratios),
    )


def verdict(rows: Sequence[Row]) -> str:
    """Tell where Megaphone takes more than ejabberd does without it."""
    above = [
        f"{row.name} at {row.rate} polls/s"
        for row in rows
        if row.name.startswith("ECM") and row.ratio > GOAL
    ]
    so_far = "reached" if not above else f"NOT reached by {', '.join(above)}"
    return f"Goal for the CPU of a poll, {GOAL:g} × that of stock ejabberd alone: {so_far}."


def plot(rows: Sequence[Row]) -> Figure:
    """Draw the CPU of a poll; the line is that of stock ejabberd."""
    figure = Figure(figsize=(9, 3.6 * len(RATES)), layout="constrained")
    panels = figure.subplots(len(RATES))
    for axes, rate in zip(panels, RATES, strict=True):
        bars = [(row.name, row.cpu) for row in rows if row.rate == rate]
        unit = "µs of CPU of everything on the server's side"
        alone = next(row.cpu for row in rows if row.rate == rate and row.name == STOCK)
        chart.draw(axes, f"A poll, of {rate} a second", unit, bars, round(GOAL * alone))
    return figure


def measure(run: Run) -> list[Row]:
    raise_open_files()
    run.about.update(proxies())
    code, options = run.code(), run.options
    found = rounds(
        options.rounds,
        lambda number: (
            one for name in SERVERS for one in measure_one(number, name, code, options)
        ),
        tell,
    )
    return rows_of(found)


def show(rows: Sequence[Row]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), verdict(rows), plot(rows))


CASE = Case(
    title=TITLE,
    row=Row,
    measure=measure,
    show=show,
    options=(
        Option("users", 1_000, "who are online"),
        Option("seconds", 10, "at each rate"),
        Option("warm-up", 20, "seconds before each, in which most users poll once"),
        Option("rounds", 3, "with servers started anew"),
        EBIN,
    ),
)
