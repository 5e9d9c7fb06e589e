"""The memory of an idle user in ejabberd, before and after a message to each."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from bench.load.crowd import Crowd, crowd
from bench.measure.memory import Memory, kilobytes, memory
from bench.node import NAMES, Kind, Node, node
from bench.report import report
from ecm.tools.errors import ToolError

SETTLE = 5  # seconds until everything is where it stays
REST = 30  # seconds
MESSAGE = 500  # bytes

# What is printed of what grows, in bytes for each user.
WORTH_TELLING = 20

RESET_PEAK = "5"  # for /proc/PID/clear_refs (proc(5))


@attrs.frozen
class ProcessKind:
    """Processes of a node that began with the same function. ``bytes`` is the mean of each, without
    what binaries take elsewhere."""

    function: str
    count: int
    hibernating: int
    bytes: float


@attrs.frozen
class Growth:
    """Bytes for each user, but for ``start``: the whole node at the smaller number of users.

    ``kernel`` is for all sockets of the machine, the clients' ends included. ``erlang`` has what
    erlang:memory/0 says, ``tables`` those of ets: a part of that.
    """

    name: str
    users: int
    rss: float
    pss: float
    kernel: float
    start: int
    erlang: dict[str, float]
    tables: dict[str, float]
    processes: list[ProcessKind]


@attrs.frozen
class Waking:
    """Resident bytes for each user: before a message to each of them, at most, and after a rest;
    and of the whole node before and after."""

    users: int
    before: float
    peak: float
    after: float
    whole_before: int
    whole_after: int

    @property
    def ratio(self) -> float:
        return self.after / self.before


@attrs.frozen
class State:
    """A node with so many users, from without and from within."""

    users: int
    memory: Memory
    within: dict[str, Any]


def hold(count: int, users: Crowd, subject: Node) -> State:
    """Have so many users log in. Raises ToolError where ejabberd counts others."""
    users.log_in(count)
    time.sleep(SETTLE)
    found = memory(subject.process)  # before the node looks for itself, which takes memory, too
    online = subject.ask("sessions")["sessions"]
    if online != count:
        raise ToolError(f"{count} users have logged in, and ejabberd counts {online}")
    return State(count, found, subject.ask("memory"))


def measure(kind: Kind, code: list[Path], few: int, many: int) -> Growth:
    """Measure the growth of a fresh node from few users to many."""
    with node(kind, code) as subject, crowd(kind, NAMES[kind], subject, many) as users:
        return grow(kind, subject, users, few, many)


def measure_and_wake(kind: Kind, code: list[Path], few: int, many: int) -> tuple[Growth, Waking]:
    """The same, and what a message to each of the many does to it."""
    with node(kind, code) as subject, crowd(kind, NAMES[kind], subject, many) as users:
        growth = grow(kind, subject, users, few, many)
        return growth, wake(subject, users, growth)


def grow(kind: Kind, subject: Node, users: Crowd, few: int, many: int) -> Growth:
    first, last = hold(few, users, subject), hold(many, users, subject)
    count = many - few
    rss = (last.memory.rss - first.memory.rss) / count
    print(f"{NAMES[kind]}: {rss:,.0f} bytes for each user, of {many:,}", file=sys.stderr)
    return Growth(
        name=NAMES[kind],
        users=many,
        rss=rss,
        pss=(last.memory.pss - first.memory.pss) / count,
        kernel=(last.memory.kernel - first.memory.kernel) / count,
        start=first.memory.rss,
        erlang=each(first.within["memory"], last.within["memory"], count),
        tables=each(first.within["tables"], last.within["tables"], count),
        processes=process_kinds(subject, many),
    )


def each(first: dict[str, int], last: dict[str, int], count: int) -> dict[str, float]:
    """Return the growth of each figure, for one user."""
    return {name: (size - first.get(name, 0)) / count for name, size in last.items()}


def process_kinds(subject: Node, users: int) -> list[ProcessKind]:
    """Return the kinds of which there is one process for each user."""
    found = subject.ask("processes")
    return [
        ProcessKind(name, kind["count"], kind["hibernating"], kind["bytes"] / kind["count"])
        for name, kind in sorted(found.items())
        if kind["count"] >= users
    ]


def wake(subject: Node, users: Crowd, growth: Growth) -> Waking:
    """Send a message to each user at once. What the node has without users does not count."""
    pid = subject.process.pids[0]
    status = f"/proc/{pid}/status"
    before = kilobytes("VmRSS", status)
    without_users = before - growth.rss * growth.users
    Path(f"/proc/{pid}/clear_refs").write_text(RESET_PEAK)
    users.await_messages()
    subject.ask(f"announce {MESSAGE}")
    users.take_messages()
    time.sleep(REST)
    after = kilobytes("VmRSS", status)
    peak = kilobytes("VmHWM", status)
    return Waking(
        users=growth.users,
        before=growth.rss,
        peak=(peak - without_users) / growth.users,
        after=(after - without_users) / growth.users,
        whole_before=before,
        whole_after=after,
    )


def erlang_rest(growth: Growth) -> float:
    """Return what erlang:memory/0 has that is neither process, nor binary, nor table."""
    named = ("processes", "binary", "ets")
    return growth.erlang["total"] - sum(growth.erlang[name] for name in named)


COLUMNS: dict[str, Callable[[Growth], str]] = {
    "bytes for each user": lambda growth: growth.name,
    "users": lambda growth: f"{growth.users:,}",
    "resident": lambda growth: f"{growth.rss:,.0f}",
    "proportional": lambda growth: f"{growth.pss:,.0f}",
    "erlang:memory()": lambda growth: f"{growth.erlang['total']:,.0f}",
    "its processes": lambda growth: f"{growth.erlang['processes']:,.0f}",
    "its binaries": lambda growth: f"{growth.erlang['binary']:,.0f}",
    "its tables": lambda growth: f"{growth.erlang['ets']:,.0f}",
    "the rest of it": lambda growth: f"{erlang_rest(growth):,.0f}",
    "kernel, both ends": lambda growth: f"{growth.kernel:,.0f}",
    "whole at the start, MB": lambda growth: f"{growth.start / 1e6:.0f}",
}

PROCESS_COLUMNS: dict[str, Callable[[tuple[str, ProcessKind]], str]] = {
    "processes of": lambda row: row[0],
    "began with": lambda row: row[1].function,
    "count": lambda row: f"{row[1].count:,}",
    "hibernating": lambda row: f"{row[1].hibernating:,}",
    "bytes, mean": lambda row: f"{row[1].bytes:,.0f}",
}

TABLE_COLUMNS: dict[str, Callable[[tuple[str, str, float]], str]] = {
    "tables of": lambda row: row[0],
    "name": lambda row: row[1],
    "bytes for each user": lambda row: f"{row[2]:,.0f}",
}


def tables(growths: list[Growth]) -> str:
    """Return all that was measured of them, as tables in Markdown."""
    processes = [(growth.name, kind) for growth in growths for kind in growth.processes]
    sizes = [
        (growth.name, name, size)
        for growth in growths
        for name, size in sorted(growth.tables.items(), key=lambda table: -table[1])
        if size >= WORTH_TELLING
    ]
    return "\n\n".join(
        [
            report.table(COLUMNS, growths),
            report.table(PROCESS_COLUMNS, processes),
            report.table(TABLE_COLUMNS, sizes),
        ]
    )
