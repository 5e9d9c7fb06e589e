"""Memory of workers, and the spread of connections over them.

ECM is started with so many workers, each gets its link, and then 4,000 clients connect that say
nothing. It takes some seconds.
"""

import re
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

import attrs

from bench.frame import Case, Option, Outcome, Run
from bench.measure.memory import private
from bench.measure.server_side import open_files
from bench.report import report
from testkit.servers.megaphone import ecm
from testkit.servers.process import Process, python

CLIENTS = 4_000


@attrs.frozen
class Figure:
    what: str
    value: str


COLUMNS = {"": lambda row: row.what, "measured": lambda row: row.value}


def extremes(values: Sequence[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}, on average {mean(values):.1f}"


def idle(supervisor: Process, workers: list[int], seconds: float) -> list[Figure]:
    """Look at the processes before anybody comes."""
    first, fork_server, *_ = supervisor.pids
    found = [private(each) for each in workers]
    return [
        Figure("seconds until each worker has its link", f"{seconds:.1f}"),
        Figure("MB of each worker alone", extremes([alone / 2**20 for alone, _ in found])),
        Figure("MB of each worker, Pss", extremes([pss / 2**20 for _, pss in found])),
        Figure("MB of the supervisor alone", f"{private(first)[0] / 2**20:.1f}"),
        Figure("MB of the fork server alone", f"{private(fork_server)[0] / 2**20:.1f}"),
    ]


def connected(supervisor: Process, workers: list[int], port: int) -> list[Figure]:
    """Let the clients connect, and see where they went."""
    files, cpu = [open_files(each) for each in workers], supervisor.cpu_seconds()
    with ExitStack() as stack:
        for _ in range(CLIENTS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        time.sleep(1)
        spread = [open_files(each) - had for each, had in zip(workers, files, strict=True)]
        taken = (supervisor.cpu_seconds() - cpu) / CLIENTS * 1e6
    return [
        Figure("connections of each worker", extremes(spread)),
        Figure("µs of the supervisor's CPU for a connection", f"{taken:.0f}"),
    ]


def measure(run: Run) -> list[Figure]:
    count = run.options.workers
    with python("testkit.servers.link_echo") as echo:
        behind, began = echo.number(), time.monotonic()
        with ecm(run.folder, behind, protocol="typed", workers=count) as (supervisor, port):
            seconds = time.monotonic() - began
            workers = processes(run.folder)
            return [*idle(supervisor, workers, seconds), *connected(supervisor, workers, port)]


def show(rows: Sequence[Figure]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), f"{CLIENTS:,} clients connected.")


def processes(folder: Path) -> list[int]:
    """Return the process IDs of the workers, which ECM has logged."""
    log = (folder / "ecm.log").read_text()
    return [int(each) for each in re.findall("as process ([0-9]+)", log)]


CASE = Case(
    title="Workers, and how connections spread",
    row=Figure,
    measure=measure,
    show=show,
    options=(Option("workers", 10, "of ECM"),),
)
