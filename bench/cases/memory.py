"""Resident memory per held request: ECM beside twisted.web, nginx and HAProxy.

Each front end runs alone, as one process (nginx with its master), with something behind it that
takes every request and never answers. Clients in a process of their own hold FEW requests, then
MANY. The growth between the two, for one request, is the result: it has nothing of what a process
needs to be there at all.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import Case, Outcome, Run
from bench.measure.machine import proxies
from bench.measure.memory import Memory, memory
from bench.report import chart, report
from bench.report.goal import judged
from testkit.servers.haproxy import haproxy
from testkit.servers.megaphone import certificate, ecm
from testkit.servers.nginx import nginx
from testkit.servers.process import Process, Running, python

FEW = 2_000
MANY = 10_000

# A proxy has two sockets for each request, and on the machines that we measure on a process has
# 20,000 open files at most.
MANY_OF_A_PROXY = 9_000

# Bytes of ECM's memory for a held request: the goal, and the next one.
GOAL = 1_600
NEXT_GOAL = 1_200

SETTLE = 1.0  # seconds until everything is where it stays


@contextmanager
def twisted_web(folder: Path, behind: int) -> Iterator[Running]:
    """A twisted.web site, with nothing behind it."""
    with python("testkit.servers.silent_site") as process:
        yield process, process.number()


Start = Callable[[Path, int], AbstractContextManager[Running]]


def over(proxy: Callable[[Path, int, Path], AbstractContextManager[Running]]) -> Start:
    """Return the start of a proxy that ends TLS."""
    return lambda folder, behind: proxy(folder, behind, certificate(folder))


@attrs.frozen
class FrontEnd:
    """One that can be started.

    ``sockets`` is how many it has open for each held request; ``counts`` says whether it prints
    itself how many there are, as nothing is behind it.
    """

    name: str
    start: Start
    sockets: int = 1
    tls: bool = False
    counts: bool = False


FRONT_ENDS = [
    FrontEnd("ECM", ecm),
    FrontEnd("ECM, TLS", partial(ecm, tls=True), tls=True),
    FrontEnd("ECM, lean TLS", partial(ecm, tls=True, more=("--lean-tls",)), tls=True),
    FrontEnd("twisted.web", twisted_web, counts=True),
    FrontEnd("nginx, proxy", nginx, sockets=2),
    FrontEnd("HAProxy, proxy", haproxy, sockets=2),
    FrontEnd("nginx, TLS", over(nginx), sockets=2, tls=True),
    FrontEnd("HAProxy, TLS", over(haproxy), sockets=2, tls=True),
]


@attrs.frozen
class Growth:
    """Bytes for each held request.

    ``kernel`` is for all sockets, those of the clients and of the server behind included. ``start``
    is the whole front end in bytes, when FEW requests are held.
    """

    name: str
    requests: int
    rss: float
    pss: float
    kernel: float
    start: int


def hold(requests: int, holders: Process, counter: Process, front_end: Process) -> Memory:
    """Have clients hold so many requests, and return what that takes."""
    holders.say(str(requests))
    holders.number(at_least=requests)
    counter.number(at_least=requests)
    time.sleep(SETTLE)
    return memory(front_end)


def measure_one(subject: FrontEnd) -> Growth:
    many = MANY if subject.sockets == 1 else MANY_OF_A_PROXY
    with (
        TemporaryDirectory() as folder,
        python("testkit.servers.blackhole") as silence,
        subject.start(Path(folder), silence.number()) as (front_end, port),
        python("bench.load.long_poll", str(port), *["tls"] * subject.tls) as holders,
    ):
        counter = front_end if subject.counts else silence
        first = hold(FEW, holders, counter, front_end)
        last = hold(many, holders, counter, front_end)
    count = many - FEW
    return Growth(
        name=subject.name,
        requests=many,
        rss=(last.rss - first.rss) / count,
        pss=(last.pss - first.pss) / count,
        kernel=(last.kernel - first.kernel) / count,
        start=first.rss,
    )


TITLE = "Memory for each held request"
COLUMNS = {
    "front end": lambda growth: growth.name,
    "held": lambda growth: f"{growth.requests:,}",
    "resident, bytes each": lambda growth: f"{growth.rss:,.0f}",
    "proportional, bytes each": lambda growth: f"{growth.pss:,.0f}",
    "kernel, bytes each": lambda growth: f"{growth.kernel:,.0f}",
    "whole at 2,000, MB": lambda growth: f"{growth.start / 1e6:.0f}",
}


def verdict(growths: Sequence[Growth]) -> str:
    used = next(growth.rss for growth in growths if growth.name == "ECM")
    return f"ECM: {used:,.0f} bytes for a held request. {judged(used, GOAL, NEXT_GOAL, 'bytes')}"


def plot(growths: Sequence[Growth]) -> Figure:
    """Draw those with TLS beside each other, and those without."""
    plain = [growth for growth in growths if not over_tls(growth)]
    with_tls = [growth for growth in growths if over_tls(growth)]
    figure = Figure(figsize=(9, 2.6 + 0.52 * len(growths)), layout="constrained")
    panels = figure.subplots(2, height_ratios=[len(plain) + 2, len(with_tls) + 2])
    unit = "kB resident in the front end; without what the kernel has"
    for axes, title, found, goal in (
        (panels[0], TITLE, plain, GOAL / 1000),
        (panels[1], "The same over TLS", with_tls, None),
    ):
        bars = [(growth.name, growth.rss / 1000) for growth in found]
        chart.draw(axes, title, unit, bars, goal)
    return figure


def over_tls(growth: Growth) -> bool:
    return growth.name.endswith("TLS")


def measure(run: Run) -> list[Growth]:
    run.about.update(proxies())
    return [measure_one(front_end) for front_end in FRONT_ENDS]


def show(growths: Sequence[Growth]) -> Outcome:
    return Outcome(report.table(COLUMNS, growths), verdict(growths), plot(growths))


CASE = Case(title=TITLE, row=Growth, measure=measure, show=show)
