"""Memory and CPU of ejabberd per user: mod_ecm beside stock BOSH, WebSocket and plain c2s.

Each way to come to ejabberd has a fresh node of its own. A user has logged in (SASL PLAIN, a
resource bound, presence sent), does nothing, and with BOSH holds one request. What is measured is
the growth of the node from a tenth of the users to all of them, for each one
(bench/measure/node_memory.py); then, with mod_ecm, what is left of a message to each of them at
once. Last comes the CPU for an empty poll and for a message, mod_ecm beside stock BOSH
(bench/measure/node_cpu.py).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, positive
from bench.measure import node_cpu, node_memory
from bench.measure.node_cpu import WHATS, Round
from bench.measure.node_memory import Growth, Waking
from bench.node import Kind
from bench.report import chart, report
from bench.report.goal import judged, reached
from ecm.kernel import raise_open_files

# Resident bytes of ejabberd for a user who does nothing: the goal, and the next one.
GOAL = 6_000
NEXT_GOAL = 2_500

# What may be left of that after a message to everybody and a rest.
WAKING_GOAL = 1.5

# How much of the CPU of stock BOSH mod_ecm may take.
CPU_GOALS = {"poll": 0.45, "message": 0.5}
NEXT_CPU_GOALS = {"poll": 0.33, "message": 0.4}

# Users below which memory says little: the first live in what a node has left from its start.
ENOUGH = 10_000

# Files that a node has open beside its users' connections.
FILES = 1_000

TITLE = "ejabberd with mod_ecm, and without"


@attrs.frozen
class Results:
    """All of a run. Without ``waking`` and ``rounds`` it was of mod_ecm alone."""

    growths: list[Growth]
    waking: Waking | None = None
    rounds: list[Round] = attrs.Factory(list)


def results(options: argparse.Namespace, code: list[Path], files: int) -> Results:
    many, most = options.users, files - FILES
    few = max(many // 10, 1)
    if many > files:
        return Results([node_memory.measure(Kind.LINK, code, few, many)])
    ours, waking = node_memory.measure_and_wake(Kind.LINK, code, few, many)
    others = [kind for kind in Kind if kind is not Kind.LINK]
    growths = [ours, *(node_memory.measure(kind, code, few, min(many, most)) for kind in others)]
    seconds, count = options.seconds, options.rounds
    return Results(growths, waking, node_cpu.measure_all(code, options.clients, seconds, count))


def text(results: Results) -> str:
    parts = [node_memory.tables(results.growths)]
    if results.rounds:
        parts.append(report.table(node_cpu.COLUMNS, results.rounds))
    return "\n\n".join(parts)


def verdict(results: Results) -> str:
    cpu = [of_cpu(what, ratios(what, results.rounds)) for what in WHATS] if results.rounds else []
    return "\n\n".join([*of_all_memory(results), *cpu])


def of_all_memory(results: Results) -> list[str]:
    growth, *_ = results.growths
    if growth.users < ENOUGH:
        return [f"With fewer than {ENOUGH:,} users the figures of resident memory mean nothing."]
    return [of_memory(growth), *([of_waking(results.waking)] if results.waking else [])]


def of_memory(growth: Growth) -> str:
    return (
        f"A user who does nothing takes {growth.rss:,.0f} bytes of resident memory with mod_ecm,"
        f" of {growth.users:,} users. {judged(growth.rss, GOAL, NEXT_GOAL, 'bytes')}"
    )


def of_waking(waking: Waking) -> str:
    return (
        f"A message of {node_memory.MESSAGE} bytes to each of {waking.users:,} users at once takes"
        f" that from {waking.before:,.0f} to {waking.peak:,.0f} bytes; after {node_memory.REST}"
        f" seconds it is {waking.after:,.0f}, {waking.ratio:.2f} × what it was. The goal of"
        f" {WAKING_GOAL} × is {reached(waking.ratio, WAKING_GOAL)}."
        f" (The whole node: {waking.whole_before / 1e6:,.0f} MB before,"
        f" {waking.whole_after / 1e6:,.0f} MB after.)"
    )


def of_cpu(what: str, found: list[float]) -> str:
    return (
        f"{WHATS[what].capitalize()}: with mod_ecm ejabberd takes {median(found):.3f} × the CPU of"
        f" stock BOSH (median of {len(found)} rounds, {min(found):.3f} to {max(found):.3f})."
        f" {judged(median(found), CPU_GOALS[what], NEXT_CPU_GOALS[what], '×')}"
    )


def ratios(what: str, rounds: list[Round]) -> list[float]:
    return [row.ratio for row in rounds if row.what == what]


def plot(results: Results) -> Figure:
    """Draw the memory, and the CPU where it was measured."""
    whats = WHATS if results.rounds else {}
    figure = Figure(figsize=(9, 3.4 + 2.4 * len(whats)), layout="constrained")
    memory, *panels = figure.subplots(
        1 + len(whats), squeeze=False, height_ratios=[4, *[2] * len(whats)]
    )[:, 0]
    bars = [(growth.name, growth.rss / 1000) for growth in results.growths]
    unit = "kB resident in ejabberd for each; without what the kernel has"
    chart.draw(memory, "A user who does nothing", unit, bars, GOAL / 1000)
    for axes, what in zip(panels, whats, strict=True):
        rows = [row for row in results.rounds if row.what == what]
        stock = median(row.stock.cpu_each for row in rows)
        ours = median(row.mod_ecm.cpu_each for row in rows)
        title, unit = WHATS[what].capitalize(), "µs of ejabberd's CPU for each"
        goal = round(CPU_GOALS[what] * stock)
        chart.draw(axes, title, unit, [("mod_ecm", ours), ("stock BOSH", stock)], goal)
    return figure


def even(text: str) -> int:
    number = positive(text)
    if number % 2:
        raise ValueError
    return number


def measure(run: Run) -> list[Results]:
    return [results(run.options, run.code(), raise_open_files())]


def show(rows: Sequence[Results]) -> Outcome:
    [found] = rows
    return Outcome(text(found), verdict(found), plot(found))


def suffix(options: argparse.Namespace) -> str:
    """More users than files come over the link alone."""
    return f"-{options.users}" if options.users > raise_open_files() else ""


CASE = Case(
    title=TITLE,
    row=Results,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("users", 20_000, "who do nothing"),
        Option("clients", 200, "that poll and send, an even number", even),
        Option("seconds", 5, "of each in a round"),
        Option("rounds", 5, "with nodes started anew"),
        EBIN,
    ),
    note="More users than a process may open files can only come over a link: then mod_ecm is"
    " measured alone, and only its memory; the result has the number in its name.",
)
