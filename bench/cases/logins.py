"""Logins as fast as they go: Megaphone beside stock ejabberd alone, over the same transport.

In each way, users log in, 64 at a time, send presence, and wait for their own: over BOSH with SASL
PLAIN and with SCRAM-SHA-1, over WebSocket and over TCP without TLS with PLAIN.
In each round each server is started anew, one after another; a ratio is that of one round.
"""

import argparse
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, announce, rounds
from bench.load.login_load import Logins, log_in
from bench.measure.server_side import Server
from bench.report import chart, report
from bench.report.goal import reached
from bench.servers import MEGAPHONE, PLAIN_TCP, STOCK, WAYS, Way, stock, with_workers
from ecm.kernel import raise_open_files
from ecm.tools.swarm.accounts import SASL, SCRAM

TITLE = "Logins"

# Logins a second, divided by those of stock ejabberd alone on the same machine: at least.
GOAL = 2.0

# Percent of a core from which on the users' process may be what holds up logins.
SATURATED = 90


@attrs.frozen
class Kind:
    """A way to log in: the transport, ecm-swarm's --login, and the accounts (bench/erlang)."""

    way: Way
    login: str = SASL
    accounts: str = "everyone"


KINDS = {
    "BOSH, PLAIN": Kind(WAYS["bosh"]),
    "BOSH, SCRAM-SHA-1": Kind(WAYS["bosh"], SCRAM, "salted"),
    "WebSocket, PLAIN": Kind(WAYS["websocket"]),
    "TCP, PLAIN": Kind(PLAIN_TCP),
}

Start = Callable[[Path, list[Path], Kind], AbstractContextManager[Server]]

SERVERS: dict[str, Start] = {
    MEGAPHONE: lambda folder, code, kind: with_workers(folder, code, 1, kind.way, kind.accounts),
    STOCK: lambda folder, code, kind: stock(folder, code, kind.way, kind.accounts),
}

# Seconds, about, of a server that starts and stops, and of a login.
START, LOGIN = 20, 1 / 500


@attrs.frozen
class Measured:
    """One server in one round."""

    number: int
    kind: str
    name: str
    logins: Logins


COLUMNS: dict[str, Callable[[Measured], str]] = {
    "round": lambda one: str(one.number),
    "logins": lambda one: one.kind,
    "server": lambda one: one.name,
    "logins/s": lambda one: f"{one.logins.per_second:,.0f}",
    "µs of CPU a login": lambda one: f"{one.logins.cpu_each:.0f}",
    "of which": lambda one: ", ".join(f"{part} {cpu:.0f}" for part, cpu in one.logins.cpu.items()),
    "p50, p99, ms": lambda one: f"{one.logins.p50:.0f}, {one.logins.p99:.0f}",
    "CPU": lambda one: f"{one.logins.busy:.0f} %",
    "of the users": lambda one: f"{one.logins.crowd:.0f} %, {one.logins.swarm:.0f} µs",
    "errors": lambda one: (
        ", ".join(f"{n} × {kind}" for kind, n in one.logins.troubles.items()) or "none"
    ),
}


def measure_one(
    number: int, kind: str, name: str, code: list[Path], options: argparse.Namespace
) -> Measured:
    found = KINDS[kind]
    with TemporaryDirectory() as folder, SERVERS[name](Path(folder), code, found) as server:
        return Measured(
            number, kind, name, log_in(server, Path(folder), options.users, found.login)
        )


def tell(one: Measured) -> str:
    return (
        f"{one.kind}, {one.name}: {one.logins.per_second:,.0f} logins/s"
        f" at {one.logins.cpu_each:.0f} µs"
    )


def of(kind: str, name: str, rows: Sequence[Measured]) -> list[Logins]:
    return [row.logins for row in rows if (row.kind, row.name) == (kind, name)]


def kinds(rows: Sequence[Measured]) -> list[str]:
    return list(dict.fromkeys(row.kind for row in rows))


def pairs(kind: str, rows: Sequence[Measured]) -> list[tuple[Logins, Logins]]:
    """Return ours and that of stock ejabberd, of each round."""
    return list(zip(of(kind, MEGAPHONE, rows), of(kind, STOCK, rows), strict=True))


def without_errors(found: list[tuple[Logins, Logins]]) -> list[tuple[Logins, Logins]]:
    """Return the rounds in which nobody met an error; all if there is none.

    Whoever did comes again half a minute later, and the time of all logins is that user's.
    """
    clean = [(ours, theirs) for ours, theirs in found if not (ours.troubles or theirs.troubles)]
    return clean or found


def verdict(rows: Sequence[Measured]) -> str:
    return "\n\n".join([*(of_kind(kind, rows) for kind in kinds(rows)), of_users(rows)])


def of_kind(kind: str, rows: Sequence[Measured]) -> str:
    found = pairs(kind, rows)
    counted = without_errors(found)
    rate = [ours.per_second / theirs.per_second for ours, theirs in counted]
    cpu = [ours.cpu_each / theirs.cpu_each for ours, theirs in counted]
    left_out = len(found) - len(counted)
    more = f"; without {left_out} in which there was an error" if left_out else ""
    return (
        f"{kind}: {median(rate):.2f} × the logins a second of stock ejabberd alone (median; rounds:"
        f" {len(rate)}; {min(rate):.2f} to {max(rate):.2f}{more}), each for"
        f" {median(cpu):.2f} × the CPU. The goal of {GOAL:g} × is {reached(-median(rate), -GOAL)}."
    )


def of_users(rows: Sequence[Measured]) -> str:
    """Say whether the users held up logins."""
    most = max(row.logins.crowd for row in rows)
    held_up = "may have held up" if most >= SATURATED else "did not hold up"
    return (
        f"The users' process had {most:.0f} % of a core at most: it {held_up} logins. It shares the"
        " cores of the machine with the servers."
    )


def plot(rows: Sequence[Measured]) -> Figure:
    """Draw the CPU of a login; the line is where it would be divided by the goal."""
    names = kinds(rows)
    figure = Figure(figsize=(9, 2.6 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), squeeze=False)[:, 0]
    for axes, kind in zip(panels, names, strict=True):
        bars = [
            (name, median(one.cpu_each for one in of(kind, name, rows)))
            for name in (MEGAPHONE, STOCK)
        ]
        unit = "µs of CPU of the server's side for a login"
        chart.draw(axes, kind, unit, bars, round(bars[1][1] / GOAL))
    return figure


def measure(run: Run) -> list[Measured]:
    raise_open_files()
    options, code = run.options, run.code()
    announce(options.rounds * len(KINDS) * len(SERVERS) * (START + options.users * LOGIN))
    return rounds(
        options.rounds,
        lambda number: (
            measure_one(number, kind, name, code, options) for kind in KINDS for name in SERVERS
        ),
        tell,
    )


def show(rows: Sequence[Measured]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), verdict(rows), plot(rows))


CASE = Case(
    title=TITLE,
    row=Measured,
    measure=measure,
    show=show,
    options=(
        Option("users", 6_000, "who log in"),
        Option("rounds", 3, "with servers started anew"),
        EBIN,
    ),
)
