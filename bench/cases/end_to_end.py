"""A chat of many users, everything on the server's side: Megaphone beside ejabberd, nginx, Prosody.

The same users come to ejabberd with mod_ecm behind ECM, to stock ejabberd (BOSH, with nothing in
front), to that behind nginx, and to Prosody. What is measured is that of everything on the server's
side. In each round each server is started anew, one after another: first users log in and rest, a
tenth of them and then all, and the growth between is the memory of a user. Then, with another fresh
one, all chat as fast as it goes, then at half of that rate, which gives the latencies, and
at last they only poll (bench/load/message_load.py).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, rounds
from bench.load.message_load import Load, What, talk
from bench.load.ramp import online
from bench.measure.machine import proxies
from bench.measure.server_side import grown
from bench.report import chart, report
from bench.report.goal import judged
from bench.servers import MEGAPHONE, SERVERS, STOCK
from ecm.kernel import raise_open_files
from testkit.servers.process import version

# How much of the CPU of stock ejabberd alone everything on Megaphone's side may take.
GOALS = {"poll": 0.75, "message": 0.65}
NEXT_GOALS = {"poll": 0.5, "message": 0.45}

TITLE = "The whole: users who chat"


@attrs.frozen
class Measured:
    """One server in one round: bytes of each part for a user, and what came of each load. At
    ``full`` and at ``half`` users chat, with ``polls`` they only poll."""

    number: int
    name: str
    memory: dict[str, float]
    full: Load
    half: Load
    polls: Load


@attrs.frozen
class Row:
    """Medians of all rounds of a server: CPU in microseconds, memory in bytes, latencies at half
    of the full load in milliseconds; CPU divided by that of stock ejabberd in the same round."""

    name: str
    messages_per_second: float
    p50: float
    p99: float
    message_cpu: float
    poll_cpu: float
    memory: float
    message_ratio: float
    poll_ratio: float


@attrs.frozen
class Result:
    rows: list[Row]
    rounds: list[Measured]


def measure_one(number: int, name: str, code: list[Path], users: int, seconds: int) -> Measured:
    start = SERVERS[name]
    with (
        TemporaryDirectory() as folder,
        start(Path(folder), code) as server,
        online(server.url, Path(folder)) as crowd,
    ):
        crowd.grow_to(users // 10)
        first = server.taken()
        crowd.grow_to(users)
        memory = grown(first, server.taken())
    each = {part: size / (users - users // 10) for part, size in memory.items()}
    with TemporaryDirectory() as folder, start(Path(folder), code) as server:
        full = talk(server, Path(folder), What.MESSAGE, users, seconds)
        half = talk(server, Path(folder), What.MESSAGE, users, seconds, full.per_second / 2)
        polls = talk(server, Path(folder), What.POLL, users, seconds)
    return Measured(number, name, each, full, half, polls)


def tell(found: Measured) -> str:
    return (
        f"{found.name}:"
        f" {found.full.per_second:,.0f} messages/s at {found.full.cpu_each:.0f} µs;"
        f" {found.polls.per_second:,.0f} polls/s at {found.polls.cpu_each:.0f} µs;"
        f" {sum(found.memory.values()):,.0f} bytes for a user"
    )


def rows_of(found: list[Measured]) -> list[Row]:
    stock = [one for one in found if one.name == STOCK]
    return [row(name, [one for one in found if one.name == name], stock) for name in SERVERS]


def row(name: str, found: list[Measured], stock: list[Measured]) -> Row:
    pairs = list(zip(found, stock, strict=True))
    return Row(
        name=name,
        messages_per_second=median(one.full.per_second for one in found),
        p50=median(one.half.p50 for one in found),
        p99=median(one.half.p99 for one in found),
        message_cpu=median(one.full.cpu_each for one in found),
        poll_cpu=median(one.polls.cpu_each for one in found),
        memory=median(sum(one.memory.values()) for one in found),
        message_ratio=median(one.full.cpu_each / other.full.cpu_each for one, other in pairs),
        poll_ratio=median(one.polls.cpu_each / other.polls.cpu_each for one, other in pairs),
    )


COLUMNS: dict[str, Callable[[Row], str]] = {
    "server": lambda row: row.name,
    "messages/s": lambda row: f"{row.messages_per_second:,.0f}",
    "p50 at half, ms": lambda row: f"{row.p50:.1f}",
    "p99 at half, ms": lambda row: f"{row.p99:.1f}",
    "µs a message": lambda row: f"{row.message_cpu:.0f}",
    "× stock alone": lambda row: f"{row.message_ratio:.2f}",
    "µs a poll": lambda row: f"{row.poll_cpu:.0f}",
    "× stock alone, poll": lambda row: f"{row.poll_ratio:.2f}",
    "bytes a user": lambda row: f"{row.memory:,.0f}",
}

ROUND_COLUMNS: dict[str, Callable[[Measured], str]] = {
    "round": lambda one: str(one.number),
    "server": lambda one: one.name,
    "µs a message": lambda one: parts(one.full.cpu),
    "µs a poll": lambda one: parts(one.polls.cpu),
    "bytes a user": lambda one: parts(one.memory),
    "CPU at full load": lambda one: f"{one.full.busy:.0f} %",
    "at half": lambda one: f"{one.half.busy:.0f} %",
    "of the users": lambda one: f"{one.full.swarm:.0f} %",
    "errors": lambda one: troubles(one),
}


def parts(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figure:,.0f}" for name, figure in figures.items())


def troubles(one: Measured) -> str:
    found = [
        f"{times} × {kind}"
        for load in (one.full, one.half, one.polls)
        for kind, times in load.troubles.items()
    ]
    return ", ".join(found) or "none"


def verdict(rows: list[Row]) -> str:
    ours = next(row for row in rows if row.name == MEGAPHONE)
    ratios = {"poll": ours.poll_ratio, "message": ours.message_ratio}
    return "\n\n".join(
        f"CPU of ECM and ejabberd for a {what}: {ratio:.3f} × that of stock ejabberd alone."
        f" {judged(ratio, GOALS[what], NEXT_GOALS[what], '×')}"
        for what, ratio in ratios.items()
    )


def plot(rows: list[Row]) -> Figure:
    """Draw the CPU of each server."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    stock = next(row for row in rows if row.name == STOCK)
    whats: dict[str, Callable[[Row], float]] = {
        "message": lambda row: row.message_cpu,
        "poll": lambda row: row.poll_cpu,
    }
    panels = figure.subplots(len(whats))
    for axes, (what, cpu) in zip(panels, whats.items(), strict=True):
        bars = [(row.name, cpu(row)) for row in rows]
        unit = "µs of CPU of everything on the server's side"
        chart.draw(axes, f"A {what}", unit, bars, round(GOALS[what] * cpu(stock)))
    return figure


def measure(run: Run) -> list[Result]:
    raise_open_files()
    run.about.update(proxies() | {"Prosody": version("prosody")})
    code, users, seconds = run.code(), run.options.users, run.options.seconds
    found = rounds(
        run.options.rounds,
        lambda number: (measure_one(number, name, code, users, seconds) for name in SERVERS),
        tell,
    )
    return [Result(rows_of(found), found)]


def show(results: Sequence[Result]) -> Outcome:
    [found] = results
    text = f"{report.table(COLUMNS, found.rows)}\n\n{report.table(ROUND_COLUMNS, found.rounds)}"
    return Outcome(text, verdict(found.rows), plot(found.rows))


CASE = Case(
    title=TITLE,
    row=Result,
    measure=measure,
    show=show,
    options=(
        Option("users", 5_000, "in all, 10 at least"),
        Option("seconds", 10, "of each load"),
        Option("rounds", 3, "with servers started anew"),
        EBIN,
    ),
)
