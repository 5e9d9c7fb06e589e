"""Memory and CPU per user while the number of users grows, from 1,000 to 200,000.

One ejabberd with mod_ecm, behind one ECM with as many workers as the last step needs. Users log in
and rest, each with one request held, which is answered and sent again every 60 seconds. At each
step memory is measured, and then the CPU of a whole ``wait``, in which every user polls once.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, positive
from bench.load import swarm
from bench.load.ramp import WAIT, Online, online
from bench.measure.server_side import SOCKETS, Server, Taken, grown
from bench.report import chart, report
from bench.servers import with_workers
from ecm.kernel import raise_open_files

STEPS = [1_000, 10_000, 50_000, 200_000]

PARTS = {"ECM": "ECM", "ejabberd": "ejabberd", SOCKETS: "sockets in the kernel"}

TITLE = "Cost as it grows"


@attrs.frozen
class Step:
    """With so many ``users``: bytes of each part for a user, of all but the first, and of those
    only who came since the step before; microseconds of CPU for a user and second; and how many
    seconds these users took to log in."""

    users: int
    memory: dict[str, float]
    added: dict[str, float]
    cpu: dict[str, float]
    logins: float


def steps(options: argparse.Namespace, code: list[Path], folder: Path) -> Iterator[Step]:
    """Measure each, and tell how it went. The first users, a tenth of the first step, live in what
    the processes have left from their start, and do not count."""
    few = max(options.steps[0] // 10, 1)
    with (
        with_workers(folder, code, swarm.processes(options.steps[-1])) as server,
        online(server.url, folder) as crowd,
    ):
        crowd.grow_to(few)
        first = last = server.taken()
        for before, users in pairwise([few, *options.steps]):
            logins = grow(crowd, users)
            now = server.taken()
            step = Step(
                users,
                memory=each(first, now, users - few),
                added=each(last, now, users - before),
                cpu=cpu(server, users, options.seconds),
                logins=logins,
            )
            last = now
            tell(step)
            yield step


def grow(crowd: Online, users: int) -> float:
    """Let more users log in, and return how many seconds that took."""
    begin = time.monotonic()
    crowd.grow_to(users)
    return time.monotonic() - begin


def each(first: Taken, last: Taken, users: int) -> dict[str, float]:
    return {part: size / users for part, size in grown(first, last).items()}


def cpu(server: Server, users: int, seconds: int) -> dict[str, float]:
    """Return the CPU of each part in microseconds, for a user and second."""
    begin, first = time.monotonic(), server.cpu_seconds()
    time.sleep(seconds)
    last, passed = server.cpu_seconds(), time.monotonic() - begin
    return {part: (last[part] - first[part]) / passed / users * 1e6 for part in last}


def tell(step: Step) -> None:
    print(
        f"{step.users:,} users: {sum(step.memory.values()):,.0f} bytes and"
        f" {sum(step.cpu.values()):.2f} µs a second for each",
        file=sys.stderr,
    )


def of_part(part: str) -> Callable[[Step], str]:
    return lambda step: f"{step.memory[part]:,.0f}"


COLUMNS: dict[str, Callable[[Step], str]] = {
    "users": lambda step: f"{step.users:,}",
    **{f"{name}, bytes": of_part(part) for part, name in PARTS.items()},
    "all, bytes a user": lambda step: f"{sum(step.memory.values()):,.0f}",
    "of those added": lambda step: f"{sum(step.added.values()):,.0f}",
    "ECM, µs": lambda step: f"{step.cpu['ECM']:.2f}",
    "ejabberd, µs": lambda step: f"{step.cpu['ejabberd']:.2f}",
    "all, µs a user and second": lambda step: f"{sum(step.cpu.values()):.2f}",
    "logins, s": lambda step: f"{step.logins:,.0f}",
}


def verdict(found: Sequence[Step]) -> str:
    """Compare the last step with the one before: what flat means is for the reader to say."""
    if len(found) < 2:
        return "One step says nothing of growth."
    before, last = found[-2:]
    return (
        f"From {before.users:,} to {last.users:,} users, a user's memory became"
        f" {times(before.memory, last.memory)} and a user's CPU {times(before.cpu, last.cpu)}"
        " what it was."
    )


def times(before: dict[str, float], last: dict[str, float]) -> str:
    """Return how often the one goes into the other. A few users take nothing that can be seen."""
    small = sum(before.values())
    return f"{sum(last.values()) / small:.2f} ×" if small > 0 else "(too few users to say) ×"


def plot(found: Sequence[Step]) -> Figure:
    """Draw the parts over the number of users; what the first ones found there is not drawn."""
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    memory, cpu = figure.subplots(1, 2)
    names = [f"{step.users:,}" for step in found]
    colours = dict(zip(PARTS, ["#5aa9a4", chart.OURS, chart.OTHERS], strict=True))
    for axes, figures in ((memory, "memory"), (cpu, "cpu")):
        bottom = [0.0] * len(found)
        for part in getattr(found[0], figures):
            sizes = [max(getattr(step, figures)[part], 0) for step in found]
            axes.bar(names, sizes, bottom=bottom, color=colours[part], label=PARTS[part])
            bottom = [below + size for below, size in zip(bottom, sizes, strict=True)]
        axes.set_xlabel("users online")
    memory.set_ylabel("bytes for a user")
    cpu.set_ylabel("µs of CPU for a user and second")
    handles, labels = memory.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(PARTS), frameon=False)
    return figure


def numbers(text: str) -> list[int]:
    """Read steps, such as 1000,10000. Raises ValueError where they do not grow."""
    found = [positive(number) for number in text.split(",")]
    if sorted(set(found)) != found or found[0] < 10:
        raise ValueError
    return found


def measure(run: Run) -> list[Step]:
    raise_open_files()
    return list(steps(run.options, run.code(), run.folder))


def show(found: Sequence[Step]) -> Outcome:
    return Outcome(report.table(COLUMNS, found), verdict(found), plot(found))


CASE = Case(
    title=TITLE,
    row=Step,
    measure=measure,
    show=show,
    options=(
        Option("steps", ",".join(map(str, STEPS)), "users, from 10", numbers),
        Option("seconds", WAIT, "of CPU at each step"),
        EBIN,
    ),
)
