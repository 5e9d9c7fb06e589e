"""Each ejabberd that operators run, in one run: memory per idle user, CPU beside its own stock.

The one of the system comes first; the newer ones are in folders that tools/debian-ejabberd makes.
In every round each of them has its turn, with fresh nodes. Users come over one link, as in the case
`ejabberd`: first the growth of a node is measured from a tenth of the users to all of them, who do
nothing (bench/measure/node_memory.py), and compared to that of the system's ejabberd in the same
round. Then comes the CPU for an empty poll and for a message, mod_ecm beside the stock BOSH of the
same ejabberd (bench/measure/node_cpu.py).
"""

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import attrs
from matplotlib.figure import Figure

from bench import node
from bench.cases.ejabberd import CPU_GOALS, ENOUGH, even
from bench.frame import Case, Option, Outcome, Run, announce, rounds
from bench.measure import node_cpu, node_memory
from bench.measure.node_cpu import WHATS, Round
from bench.measure.node_memory import Growth
from bench.node import Kind
from bench.report import chart, report
from bench.report.goal import reached
from ecm.kernel import raise_open_files
from ecm.tools.ejabberd import installation
from testkit.paths import CHECKOUT

# Beside the one of the system, as tools/debian-ejabberd calls them.
NEWER = ("24.12", "26.07")

# How much more an idle user may take than with the ejabberd of the system.
GOAL = 1.03

MEMORY = 30  # seconds, about, to start a node, to have all users log in, and to measure

TITLE = "mod_ecm on each ejabberd"


@attrs.frozen
class Subject:
    """An ejabberd, in a folder or that of the system (None), and what is compiled for its nodes."""

    version: str
    erlang: str
    folder: Path | None
    code: list[Path]


@attrs.frozen
class Turn:
    """All of one ejabberd in one round."""

    number: int
    version: str
    growth: Growth
    cpu: list[Round]


@attrs.frozen
class Spread:
    """A figure of several rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> "Spread":
        found = list(figures)
        return cls(median(found), min(found), max(found))

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.least:.3f} to {self.most:.3f})"


@attrs.frozen
class Cpu:
    """Microseconds for each, medians, and the ratio of mod_ecm to stock BOSH in the same round."""

    stock: float
    mod_ecm: float
    ratio: Spread


@attrs.frozen
class Summary:
    """All rounds of one ejabberd: bytes for each idle user, resident and in use by Erlang; their
    ratios to those with the ejabberd of the system in the same round; CPU."""

    version: str
    erlang: str
    users: int
    rss: float
    ratio: Spread
    used: float
    used_ratio: Spread
    cpu: dict[str, Cpu]


@attrs.frozen
class Results:
    summaries: list[Summary]
    turns: list[Turn]


def subjects(run: Run) -> list[Subject]:
    """Compile for each ejabberd, and note the versions. Raises ToolError where one is missing."""
    folders = [None, *(run.options.roots.absolute() / f"ejabberd-{name}" for name in NEWER)]
    for folder in folders:
        with node.chosen(folder):
            installation.find()  # before any of them is compiled for
    found = [subject(run.folder, folder) for folder in folders]
    run.about["ejabberd"] = ", ".join(each.version for each in found)
    run.about["Erlang/OTP"] = ", ".join(each.erlang for each in found)
    return found


def subject(place: Path, folder: Path | None) -> Subject:
    with node.chosen(folder):
        version = installation.find().version
        compiled = place / version
        compiled.mkdir()
        code = node.compiled(compiled, None)
        return Subject(version, node.versions(code)["Erlang/OTP"], folder, code)


def measure_round(
    found: list[Subject], users: int, clients: int, seconds: int, number: int
) -> Iterator[Turn]:
    for each in found:
        with node.chosen(each.folder):
            growth = node_memory.measure(Kind.LINK, each.code, max(users // 10, 1), users)
            cpu = list(node_cpu.measure_round(each.code, clients, seconds, number))
        yield Turn(number, each.version, growth, cpu)


def tell(turn: Turn) -> str:
    cpu = "; ".join(map(node_cpu.tell, turn.cpu))
    return f"ejabberd {turn.version}: {turn.growth.rss:,.0f} bytes for each idle user; {cpu}"


def summary(subject: Subject, turns: list[Turn], base: list[Turn]) -> Summary:
    """Of the turns of one ejabberd, and of those of the system's, in the same order."""
    both = list(zip(turns, base, strict=True))
    return Summary(
        version=subject.version,
        erlang=subject.erlang,
        users=turns[0].growth.users,
        rss=median(turn.growth.rss for turn in turns),
        ratio=Spread.of(turn.growth.rss / first.growth.rss for turn, first in both),
        used=median(map(used, turns)),
        used_ratio=Spread.of(used(turn) / used(first) for turn, first in both),
        cpu={
            what: cpu([row for turn in turns for row in turn.cpu if row.what == what])
            for what in WHATS
        },
    )


def used(turn: Turn) -> float:
    return turn.growth.erlang["total"]


def cpu(rows: list[Round]) -> Cpu:
    return Cpu(
        stock=median(row.stock.cpu_each for row in rows),
        mod_ecm=median(row.mod_ecm.cpu_each for row in rows),
        ratio=Spread.of(row.ratio for row in rows),
    )


def summaries(found: list[Subject], turns: list[Turn]) -> list[Summary]:
    of = {each.version: [turn for turn in turns if turn.version == each.version] for each in found}
    base = of[found[0].version]
    return [summary(each, of[each.version], base) for each in found]


COLUMNS: dict[str, Callable[[Summary], str]] = {
    "ejabberd": lambda row: row.version,
    "Erlang/OTP": lambda row: row.erlang,
    "users": lambda row: f"{row.users:,}",
    "bytes per idle user": lambda row: f"{row.rss:,.0f}",
    "beside the first": lambda row: str(row.ratio),
    "erlang:memory()": lambda row: f"{row.used:,.0f}",
    "beside that of the first": lambda row: str(row.used_ratio),
    "poll: stock, mod_ecm, µs": lambda row: microseconds(row.cpu["poll"]),
    "poll: mod_ecm / stock": lambda row: str(row.cpu["poll"].ratio),
    "message: stock, mod_ecm, µs": lambda row: microseconds(row.cpu["message"]),
    "message: mod_ecm / stock": lambda row: str(row.cpu["message"].ratio),
}

TURN_COLUMNS: dict[str, Callable[[Turn], str]] = {
    "round": lambda turn: str(turn.number),
    "ejabberd": lambda turn: turn.version,
    "resident": lambda turn: f"{turn.growth.rss:,.0f}",
    "erlang:memory()": lambda turn: f"{used(turn):,.0f}",
    "its processes": lambda turn: f"{turn.growth.erlang['processes']:,.0f}",
    "its binaries": lambda turn: f"{turn.growth.erlang['binary']:,.0f}",
    "its tables": lambda turn: f"{turn.growth.erlang['ets']:,.0f}",
    "whole at the start, MB": lambda turn: f"{turn.growth.start / 1e6:.0f}",
    "poll, mod_ecm / stock": lambda turn: ratio_of(turn, "poll"),
    "message, mod_ecm / stock": lambda turn: ratio_of(turn, "message"),
}


def ratio_of(turn: Turn, what: str) -> str:
    return next(f"{row.ratio:.3f}" for row in turn.cpu if row.what == what)


def microseconds(cpu: Cpu) -> str:
    return f"{cpu.stock:.0f}, {cpu.mod_ecm:.0f}"


def text(results: Results) -> str:
    return "\n\n".join(
        [report.table(COLUMNS, results.summaries), report.table(TURN_COLUMNS, results.turns)]
    )


def verdict(results: Results) -> str:
    first, *newer = results.summaries
    cpu = [of_cpu(row, what) for row in results.summaries for what in WHATS]
    if first.users < ENOUGH:
        little = f"With fewer than {ENOUGH:,} users the figures of resident memory mean nothing."
        return "\n\n".join([little, *cpu])
    return "\n\n".join([*(of_memory(row, first) for row in newer), *cpu])


def of_memory(row: Summary, first: Summary) -> str:
    return (
        f"With ejabberd {row.version} a user who does nothing takes {row.rss:,.0f} bytes,"
        f" {row.ratio} × those with {first.version}. The goal of {GOAL} × is"
        f" {reached(row.ratio.median, GOAL)}. Erlang has {row.used:,.0f} bytes in use for each,"
        f" {row.used_ratio} ×."
    )


def of_cpu(row: Summary, what: str) -> str:
    ratio, goal = row.cpu[what].ratio, CPU_GOALS[what]
    return (
        f"{WHATS[what].capitalize()} with ejabberd {row.version}: {ratio} × the CPU of its own"
        f" stock BOSH. The goal of {goal} × is {reached(ratio.median, goal)}."
    )


def plot(found: list[Summary]) -> Figure:
    """Draw the memory, and the CPU in percent of that of stock BOSH."""
    figure = Figure(figsize=(9, 3 + 2.6 * len(WHATS)), layout="constrained")
    memory, *panels = figure.subplots(1 + len(WHATS))
    bars = [(f"mod_ecm, {row.version}", row.rss) for row in found]
    unit = "bytes resident in ejabberd for each"
    chart.draw(memory, "A user who does nothing", unit, bars, round(GOAL * found[0].rss))
    for axes, (what, title) in zip(panels, WHATS.items(), strict=True):
        bars = [(f"mod_ecm, {row.version}", 100 * row.cpu[what].ratio.median) for row in found]
        unit = "% of the CPU of the same ejabberd's stock BOSH"
        chart.draw(axes, title.capitalize(), unit, bars, 100 * CPU_GOALS[what])
    return figure


def measure(run: Run) -> list[Results]:
    options = run.options
    raise_open_files()
    found = subjects(run)
    each = MEMORY + node_cpu.duration(options.seconds, 1)
    announce(options.rounds * len(found) * each)
    one = partial(measure_round, found, options.users, options.clients, options.seconds)
    turns = rounds(options.rounds, one, tell)
    return [Results(summaries(found, turns), turns)]


def show(rows: Sequence[Results]) -> Outcome:
    [results] = rows
    return Outcome(text(results), verdict(results), plot(results.summaries))


def suffix(options: argparse.Namespace) -> str:
    return "" if options.users == ENOUGH else f"-{options.users}"


CASE = Case(
    title=TITLE,
    row=Results,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("users", ENOUGH, "who do nothing"),
        Option("clients", 200, "that poll and send, an even number", even),
        Option("seconds", 5, "of each in a round"),
        Option("rounds", 3, "with nodes started anew"),
        Option("roots", CHECKOUT / "build", f"the folder with ejabberd-{NEWER[0]} and so on", Path),
    ),
    note="`make bench CASE=versions` fetches the newer ones first. With another number of users the"
    " result has the number in its name.",
)
