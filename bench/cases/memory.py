"""The resident memory of a held request, in ECM and in others.

Each front end runs alone, as one process (nginx with its master), with something behind it that
takes every request and never answers. Clients in a process of their own hold FEW requests, then
MANY. The growth between the two, for one request, is the result: it has nothing of what a process
needs to be there at all.
"""

import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.measure.machine import machine, proxies
from bench.report import chart, report
from testkit.servers.front_ends import FRONT_ENDS, FrontEnd
from testkit.servers.process import Process, python, stop_on_signals

FEW = 2_000
MANY = 10_000

# A proxy has two sockets for each request, and on the machines that we measure on a process has
# 20,000 open files at most.
MANY_OF_A_PROXY = 9_000

# Bytes of ECM's memory for a held request.
BUDGET = 1_600

# What the kernel has for a connection, beside its buffers.
SLABS = ["TCP", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "ep_head"]
SLABS += ["lsm_inode_cache", "lsm_file_cache"]

SETTLE = 1.0  # seconds until everything is where it stays


@attrs.frozen
class Memory:
    """In bytes: what is resident of a front end, and what the kernel has for all sockets."""

    rss: int
    pss: int
    kernel: int


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


def kilobytes(name: str, path: str) -> int:
    """Return a figure of a file in /proc, in bytes."""
    found = re.search(rf"^{name}:\s+([0-9]+) kB", Path(path).read_text(), re.M)
    assert found is not None, (name, path)
    return int(found[1]) * 1024


def kernel_memory() -> int:
    """Return the bytes that the kernel has for sockets: all of them, so others count, too.

    Only root may know; for others it is 0.
    """
    pages = re.search(r"TCP: .* mem ([0-9]+)", Path("/proc/net/sockstat").read_text())
    assert pages is not None
    try:
        slabs = Path("/proc/slabinfo").read_text()
    except PermissionError:
        return 0
    objects = re.findall(rf"^(?:{'|'.join(SLABS)}) +([0-9]+) +[0-9]+ +([0-9]+)", slabs, re.M)
    return int(pages[1]) * 4096 + sum(int(count) * int(size) for count, size in objects)


def memory(process: Process) -> Memory:
    files = [f"/proc/{pid}/smaps_rollup" for pid in process.pids]
    return Memory(
        rss=sum(kilobytes("Rss", file) for file in files),
        pss=sum(kilobytes("Pss", file) for file in files),
        kernel=kernel_memory(),
    )


def hold(requests: int, holders: Process, counter: Process, front_end: Process) -> Memory:
    """Have clients hold so many requests, and return what that takes."""
    holders.say(str(requests))
    holders.number(at_least=requests)
    counter.number(at_least=requests)
    time.sleep(SETTLE)
    return memory(front_end)


def measure(subject: FrontEnd) -> Growth:
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


def verdict(growths: list[Growth]) -> str:
    used = next(growth.rss for growth in growths if growth.name == "ECM")
    within = "within" if used <= BUDGET else "ABOVE"
    return f"ECM: {used:,.0f} bytes for a held request, {within} the budget of {BUDGET:,}."


def plot(growths: list[Growth]) -> Figure:
    bars = [(growth.name, growth.rss / 1000) for growth in growths]
    return chart.bars(
        TITLE, "kB resident in the front end; without what the kernel has", bars, BUDGET / 1000
    )


def main() -> int:
    stop_on_signals()
    about = machine() | proxies()
    growths = [measure(front_end) for front_end in FRONT_ENDS]
    table = report.table(COLUMNS, growths)
    report.write("memory", TITLE, about, table, verdict(growths), growths)
    chart.save("memory", plot(growths), about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
