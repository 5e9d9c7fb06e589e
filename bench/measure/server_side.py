"""Everything on the server's side of a chat, as one: all processes, and their sockets."""

import re
from pathlib import Path

import attrs

from bench.measure.memory import kernel_memory
from bench.measure.memory_breakdown import proportional
from testkit.servers.process import Process

SOCKETS = "sockets"


@attrs.frozen
class Taken:
    """A sample at one moment: bytes of each part, those of all sockets of the machine, and how
    many of these there are, in all and on the server's side."""

    parts: dict[str, float]
    kernel: float
    sockets: int
    own_sockets: int


@attrs.frozen
class Server:
    """One that runs: ``url`` is where users come to, ``parts`` are its processes, by name."""

    url: str
    parts: dict[str, Process]

    def cpu_seconds(self) -> dict[str, float]:
        """Return the CPU that each part has had so far."""
        return {name: part.cpu_seconds(children=True) for name, part in self.parts.items()}

    def taken(self) -> Taken:
        return Taken(
            parts={name: proportional(part) for name, part in self.parts.items()},
            kernel=kernel_memory(),
            sockets=sockets(),
            own_sockets=sum(open_files(pid) for part in self.parts.values() for pid in part.pids),
        )


def sockets() -> int:
    """Return how many sockets of TCP the machine has."""
    found = re.search(r"^TCP: .* alloc ([0-9]+)", Path("/proc/net/sockstat").read_text(), re.M)
    assert found is not None
    return int(found[1])


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def grown(first: Taken, last: Taken) -> dict[str, float]:
    """Return the growth of each part in bytes. The kernel's memory for sockets is shared out by how
    many of the new ones are the server's: users are on the same machine."""
    parts = {name: size - first.parts[name] for name, size in last.parts.items()}
    share = (last.own_sockets - first.own_sockets) / max(last.sockets - first.sockets, 1)
    return parts | {SOCKETS: (last.kernel - first.kernel) * share}
