"""A chat of many users, everything on the server's side: Megaphone beside ejabberd and other peers.

The same users come, over BOSH or WebSocket, to ejabberd with mod_ecm behind ECM, to stock ejabberd
with nothing in front, and to the peers that are chosen: stock ejabberd behind nginx, newer
ejabberds, Prosody. What is measured is that of everything on the server's
side. In each round each server is started anew, one after another: first users log in and rest, a
tenth of them and then all, and the growth between is the memory of a user. Then, with another fresh
one, all chat as fast as it goes, then at half of that rate, which gives the latencies; those of
BOSH only poll; and at last all chat with four times as many messages under way
(bench/load/message_load.py).
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench import peers
from bench.frame import EBIN, Case, Option, Outcome, Run, rounds
from bench.load.message_load import AT_ONCE, Load, What, talk
from bench.load.ramp import online
from bench.measure.machine import proxies
from bench.measure.server_side import grown
from bench.peers import Start
from bench.report import chart, report
from bench.report.goal import judged, reached
from bench.servers import BOSH, MEGAPHONE, STOCK, WAYS, WEBSOCKET, stock, with_workers
from ecm.kernel import raise_open_files
from testkit.paths import CHECKOUT
from testkit.servers.process import version

# Messages under way at the same time, beside the usual number of them (message_load.AT_ONCE).
MORE_AT_ONCE = 256

# How much of the CPU of stock ejabberd alone everything on Megaphone's side may take: the goal, and
# the next one. Only users of BOSH poll.
GOALS = {
    BOSH: {"poll": (0.75, 0.4), "message": (0.65, 0.45)},
    WEBSOCKET: {"message": (0.65, 0.5)},
}

# Messages a second, divided by those of stock ejabberd alone on the same machine: at least.
RATE_GOAL = 2.0

TITLE = "The whole: users who chat"


@attrs.frozen
class Measured:
    """One server in one round: bytes of each part for a user, and what came of each load. At
    ``full``, at ``half``, and with ``more`` under way users chat, with ``polls`` they only poll."""

    number: int
    name: str
    memory: dict[str, float]
    full: Load
    half: Load
    polls: Load | None
    more: Load | None = None  # the first results have none


@attrs.frozen
class Row:
    """Medians of all rounds of a server: CPU in microseconds, memory in bytes, latencies at half
    of the full load in milliseconds; CPU divided by that of stock ejabberd in the same round."""

    name: str
    messages_per_second: float
    p50: float
    p99: float
    message_cpu: float
    poll_cpu: float | None
    memory: float
    message_ratio: float
    poll_ratio: float | None
    more_per_second: float | None = None


@attrs.frozen
class Result:
    rows: list[Row]
    rounds: list[Measured]
    transport: str = BOSH  # the first results were of no other


def measure_one(
    number: int, name: str, start: Start, users: int, seconds: int, polls: bool
) -> Measured:
    with (
        TemporaryDirectory() as folder,
        start(Path(folder)) as server,
        online(server.url, Path(folder)) as crowd,
    ):
        crowd.grow_to(users // 10)
        first = server.taken()
        crowd.grow_to(users)
        memory = grown(first, server.taken())
    each = {part: size / (users - users // 10) for part, size in memory.items()}
    with TemporaryDirectory() as folder, start(Path(folder)) as server:
        full = talk(server, Path(folder), What.MESSAGE, users, seconds)
        half = talk(server, Path(folder), What.MESSAGE, users, seconds, full.per_second / 2)
        only = talk(server, Path(folder), What.POLL, users, seconds) if polls else None
        more = talk(server, Path(folder), What.MESSAGE, users, seconds, at_once=MORE_AT_ONCE)
    return Measured(number, name, each, full, half, only, more)


def tell(found: Measured) -> str:
    return (
        f"{found.name}:"
        f" {found.full.per_second:,.0f} messages/s at {found.full.cpu_each:.0f} µs;"
        f"{polls_of(found)}"
        f" {sum(found.memory.values()):,.0f} bytes for a user"
    )


def polls_of(found: Measured) -> str:
    polls = found.polls
    return f" {polls.per_second:,.0f} polls/s at {polls.cpu_each:.0f} µs;" if polls else ""


def rows_of(found: list[Measured]) -> list[Row]:
    alone = [one for one in found if one.name == STOCK]
    names = dict.fromkeys(one.name for one in found)
    return [row(name, [one for one in found if one.name == name], alone) for name in names]


def row(name: str, found: list[Measured], alone: list[Measured]) -> Row:
    pairs = list(zip(found, alone, strict=True))
    polls = [one.polls.cpu_each for one in found if one.polls]
    more = [one.more.per_second for one in found if one.more]
    poll_ratios = [
        one.polls.cpu_each / other.polls.cpu_each
        for one, other in pairs
        if one.polls and other.polls
    ]
    return Row(
        name=name,
        messages_per_second=median(one.full.per_second for one in found),
        p50=median(one.half.p50 for one in found),
        p99=median(one.half.p99 for one in found),
        message_cpu=median(one.full.cpu_each for one in found),
        poll_cpu=median(polls) if polls else None,
        memory=median(sum(one.memory.values()) for one in found),
        message_ratio=median(one.full.cpu_each / other.full.cpu_each for one, other in pairs),
        poll_ratio=median(poll_ratios) if poll_ratios else None,
        more_per_second=median(more) if more else None,
    )


COLUMNS: dict[str, Callable[[Row], str]] = {
    "server": lambda row: row.name,
    "messages/s": lambda row: f"{row.messages_per_second:,.0f}",
    f"with {MORE_AT_ONCE} under way": lambda row: (
        "–" if row.more_per_second is None else f"{row.more_per_second:,.0f}"
    ),
    "p50 at half, ms": lambda row: f"{row.p50:.1f}",
    "p99 at half, ms": lambda row: f"{row.p99:.1f}",
    "µs a message": lambda row: f"{row.message_cpu:.0f}",
    "× stock alone": lambda row: f"{row.message_ratio:.2f}",
    "µs a poll": lambda row: "–" if row.poll_cpu is None else f"{row.poll_cpu:.0f}",
    "× stock alone, poll": lambda row: "–" if row.poll_ratio is None else f"{row.poll_ratio:.2f}",
    "bytes a user": lambda row: f"{row.memory:,.0f}",
}

ROUND_COLUMNS: dict[str, Callable[[Measured], str]] = {
    "round": lambda one: str(one.number),
    "server": lambda one: one.name,
    "µs a message": lambda one: parts(one.full.cpu),
    "at half the rate": lambda one: parts(one.half.cpu),
    f"with {MORE_AT_ONCE} under way": lambda one: parts(one.more.cpu) if one.more else "–",
    "µs a poll": lambda one: parts(one.polls.cpu) if one.polls else "–",
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
        for load in (one.full, one.half, one.more, one.polls)
        if load
        for kind, times in load.troubles.items()
    ]
    return ", ".join(found) or "none"


def verdict(found: Result) -> str:
    ours = next(row for row in found.rows if row.name == MEGAPHONE)
    ratios = {"poll": ours.poll_ratio, "message": ours.message_ratio}
    cpu = [
        f"CPU of ECM and ejabberd for a {what}: {ratio:.3f} × that of stock ejabberd alone."
        f" {judged(ratio, *GOALS[found.transport][what], '×')}"
        for what, ratio in ratios.items()
        if ratio is not None
    ]
    return "\n\n".join([*cpu, of_rates(found)])


def of_rates(found: Result) -> str:
    """Compare the messages a second to those of stock ejabberd alone."""
    ours, alone = (
        next(row for row in found.rows if row.name == name) for name in (MEGAPHONE, STOCK)
    )
    ratio = ours.messages_per_second / alone.messages_per_second
    told = f"{ratio:.2f} × with {AT_ONCE} of them under way"
    if ours.more_per_second and alone.more_per_second:
        told += f", {ours.more_per_second / alone.more_per_second:.2f} × with {MORE_AT_ONCE}"
    return (
        f"Messages a second, beside stock ejabberd alone: {told}."
        f" The goal of {RATE_GOAL:g} × is {reached(-ratio, -RATE_GOAL)} with {AT_ONCE}."
    )


def plot(found: Result) -> Figure:
    """Draw the CPU of each server."""
    rows, goals = found.rows, GOALS[found.transport]
    alone = next(row for row in rows if row.name == STOCK)
    cpu: dict[str, Callable[[Row], float | None]] = {
        "message": lambda row: row.message_cpu,
        "poll": lambda row: row.poll_cpu,
    }
    figure = Figure(figsize=(9, (1 + 0.5 * len(rows)) * len(goals)), layout="constrained")
    panels = figure.subplots(len(goals), squeeze=False)[:, 0]
    for axes, what in zip(panels, sorted(goals), strict=True):
        bars = [(row.name, cpu[what](row) or 0) for row in rows]
        goal = round(goals[what][0] * (cpu[what](alone) or 0))
        chart.draw(axes, f"A {what}", "µs of CPU of everything on the server's side", bars, goal)
    return figure


def measure(run: Run) -> list[Result]:
    raise_open_files()
    options, code = run.options, run.code()
    run.about.update(proxies() | {"Prosody": version("prosody")})
    way = WAYS[options.transport]
    chosen = peers.chosen(options.peers, way)
    starts: dict[str, Start] = {
        MEGAPHONE: lambda folder: with_workers(folder, code, 1, way),
        STOCK: lambda folder: stock(folder, code, way),
        **peers.starts(chosen, way, options.roots, run.folder, code),
    }
    polls = options.transport == BOSH
    found = rounds(
        options.rounds,
        lambda number: (
            measure_one(number, name, start, options.users, options.seconds, polls)
            for name, start in starts.items()
        ),
        tell,
    )
    return [Result(rows_of(found), found, options.transport)]


def show(results: Sequence[Result]) -> Outcome:
    [found] = results
    text = f"{report.table(COLUMNS, found.rows)}\n\n{report.table(ROUND_COLUMNS, found.rounds)}"
    return Outcome(text, verdict(found), plot(found))


def suffix(options: argparse.Namespace) -> str:
    return "" if options.transport == BOSH else f"-{options.transport}"


def transport(text: str) -> str:
    """Read one of GOALS. Raises ValueError for what is none."""
    if text not in GOALS:
        raise ValueError
    return text


CASE = Case(
    title=TITLE,
    row=Result,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("users", 5_000, "in all, 10 at least"),
        Option("seconds", 10, "of each load"),
        Option("rounds", 3, "with servers started anew"),
        Option("transport", BOSH, f"of the users: {' or '.join(GOALS)}", transport),
        Option(
            "peers",
            None,
            f"beside stock ejabberd, with commas between: {', '.join(peers.NAMES)}; or all."
            " Otherwise those of the system",
            peers.read,
        ),
        Option("roots", CHECKOUT / "build", "the folder with the newer peers", Path),
        EBIN,
    ),
)
