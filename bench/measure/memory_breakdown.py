"""The memory of a server with many users: the parts of the server's side, and the rest.

Users are on the same machine, so that their memory must be told apart: processes by their IDs,
and of the kernel's memory for sockets one half, since each connection has two ends here.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import attrs

from bench.measure.memory import kernel_memory, kilobytes
from testkit.servers.process import Process


@attrs.frozen
class Parts:
    """Bytes. ``sockets`` are those of the server's side; ``used`` is what the whole machine has in
    use, as the kernel sees it, that of users included."""

    sockets: float
    ecm: float
    ejabberd: float
    swarm: float
    used: float

    @property
    def server(self) -> float:
        return self.sockets + self.ecm + self.ejabberd


def parts(ecm: Process, ejabberd: Process, swarm: Process | None) -> Parts:
    """Return what is taken now."""
    return Parts(
        sockets=kernel_memory() / 2,
        ecm=proportional(ecm),
        ejabberd=resident(ejabberd),
        swarm=proportional(swarm) if swarm else 0,
        used=used(),
    )


def proportional(process: Process) -> float:
    """Return what it and all that it has started take, pages that they share counted once."""
    return _sum(process, lambda pid: kilobytes("Pss", f"/proc/{pid}/smaps_rollup"))


def resident(process: Process) -> float:
    """The same, much faster for a process with much memory, where few pages are shared."""
    return _sum(process, lambda pid: kilobytes("VmRSS", f"/proc/{pid}/status"))


def _sum(process: Process, size: Callable[[int], int]) -> float:
    total = 0
    for pid in process.pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            total += size(pid)
    return total


def used() -> float:
    """Return the memory of the machine that is in use, but for caches that can go."""
    text = Path("/proc/meminfo").read_text()
    found = {name: int(size) for name, size in re.findall(r"^(\w+): +([0-9]+) kB", text, re.M)}
    return (found["MemTotal"] - found["MemAvailable"]) * 1024
