"""CPU per request: ECM beside nginx and HAProxy as reverse proxies.

Clients on connections that stay open ask, wait for their answer and ask again, as fast as the front
end can. What is behind it answers each request with its own body: over the link for ECM, over HTTP
connections that stay open for the proxies. Clients and answerers are C (bench/native). In each
round all front ends are started anew, and take turns (bench/measure/interleave.py) on a core of
their own; all else runs on the others. The result is ECM's CPU for one request, user and system,
divided by that of the better proxy: the median of all rounds.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench import native
from bench.frame import Case, Option, Outcome, Run, announce, rounds
from bench.load.request import BODY, HEAD
from bench.measure.interleave import Load, Subject, loads, middle, saturation, told
from bench.measure.machine import proxies
from bench.report import chart, goal, report
from testkit.servers.haproxy import haproxy
from testkit.servers.megaphone import ecm
from testkit.servers.nginx import nginx
from testkit.servers.process import Process, Running

# How much of the better proxy's CPU for each request ECM may take, and the next goal.
GOAL = 0.9
NEXT_GOAL = 0.6

CLIENTS = [100, 1_000]  # that ask at the same time
START = 6  # seconds, about, to start everything and to stop it

TITLE = "CPU for each request"
OURS = ["ECM, typed link", "ECM, plain link"]
THEIRS = ["nginx, proxy", "HAProxy, proxy"]

Start = Callable[[Path, int], AbstractContextManager[Running]]

# Each front end with the server behind it.
FRONT_ENDS: dict[str, tuple[Start, str]] = {
    OURS[0]: (partial(ecm, protocol="typed"), "link_echo"),
    OURS[1]: (ecm, "link_echo"),
    THEIRS[0]: (nginx, "http_echo"),
    THEIRS[1]: (haproxy, "http_echo"),
}


@attrs.frozen
class Round:
    """The figures of each front end with so many clients."""

    number: int
    clients: int
    loads: dict[str, Load]

    def ratio(self, name: str) -> float:
        """Return the CPU for each request, divided by that of the better proxy."""
        return self.loads[name].cpu_each / min(self.loads[each].cpu_each for each in THEIRS)


@attrs.frozen
class Row:
    """A front end with so many clients: medians of all rounds, and the range of the ratio."""

    name: str
    clients: int
    load: Load
    ratio: float
    least: float
    greatest: float


COLUMNS: dict[str, Callable[[Row], str]] = {
    "clients": lambda row: f"{row.clients:,}",
    "front end": lambda row: row.name,
    "requests/s": lambda row: f"{row.load.per_second:,.0f}",
    "µs each": lambda row: f"{row.load.cpu_each:.1f}",
    "× the better proxy": lambda row: f"{row.ratio:.2f} ({row.least:.2f} to {row.greatest:.2f})",
    "CPU of the front end": lambda row: f"{row.load.front_end:.0f} %",
    "of clients and server": lambda row: f"{row.load.others:.0f} %",
}


def rows_of(rounds: Sequence[Round]) -> list[Row]:
    return [
        row([one for one in rounds if one.clients == clients], name)
        for clients in sorted({one.clients for one in rounds})
        for name in FRONT_ENDS
    ]


def row(rounds: list[Round], name: str) -> Row:
    ratios = [one.ratio(name) for one in rounds]
    load = middle(one.loads[name] for one in rounds)
    return Row(name, rounds[0].clients, load, median(ratios), min(ratios), max(ratios))


@contextmanager
def subject(name: str, clients: int, core: int) -> Iterator[Subject]:
    start, behind = FRONT_ENDS[name]
    with (
        TemporaryDirectory() as folder,
        native.native(behind) as server,
        start(Path(folder), server.number()) as (front_end, port),
        askers(port, clients) as asking,
    ):
        front_end.run_on({core})
        yield Subject(front_end, server, asking)


def askers(port: int, clients: int) -> Process:
    return native.native("askers", str(port), str(clients), HEAD.decode(), BODY.decode())


def measure_round(clients: int, seconds: int, core: int, number: int) -> Round:
    with ExitStack() as stack:
        subjects = [stack.enter_context(subject(name, clients, core)) for name in FRONT_ENDS]
        found = loads(subjects, seconds)
    return Round(number, clients, dict(zip(FRONT_ENDS, found, strict=True)))


def tell(found: Round) -> str:
    lines = [
        f"  {name}: {told(load)}, {found.ratio(name):.2f} ×" for name, load in found.loads.items()
    ]
    return "\n".join([f"{found.clients} clients:", *lines])


def verdict(found: Sequence[Round]) -> str:
    ours = [row for row in rows_of(found) if row.name in OURS]
    return "\n\n".join(
        [*map(judged, ours), saturation(one.loads[name] for one in found for name in OURS)]
    )


def judged(row: Row) -> str:
    return (
        f"{row.name}, {row.clients:,} clients: {row.ratio:.2f} × the CPU of the better proxy."
        f" {goal.judged(row.ratio, GOAL, NEXT_GOAL, '×')}"
    )


def plot(rows: list[Row]) -> Figure:
    bars = [(f"{row.name}, {row.clients:,} clients", row.ratio * 100) for row in rows]
    return chart.bars(TITLE, "percent of the CPU of the better proxy", bars, GOAL * 100)


def own_core() -> int:
    """Return the core for the front ends, and run on the others, with all that is started here."""
    core, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [core])
    return core


def measure(run: Run) -> list[Round]:
    run.about.update(proxies())
    native.build()
    seconds, count, core = run.options.seconds, run.options.rounds, own_core()
    announce(count * len(CLIENTS) * (len(FRONT_ENDS) * seconds + START))
    return rounds(
        count,
        lambda number: (measure_round(clients, seconds, core, number) for clients in CLIENTS),
        tell,
    )


def show(found: Sequence[Round]) -> Outcome:
    rows = rows_of(found)
    return Outcome(report.table(COLUMNS, rows), verdict(found), plot(rows))


CASE = Case(
    title=TITLE,
    row=Round,
    measure=measure,
    show=show,
    options=(
        Option("seconds", 3, "of each front end in a round"),
        Option("rounds", 5, "with all of them, started anew"),
    ),
)
