"""The processes that say nothing because the machine gives them no CPU, and do not hang."""

import os
import re
from pathlib import Path

import attrs

from ecm.kernel import content, stat
from ecm.limits import STARVED_CPU
from ecm.workers.process import Process

_TICKS = os.sysconf("SC_CLK_TCK")  # a second of CPU in /proc


@attrs.frozen
class Glance:
    """A look at a process: its state, a letter, and the seconds of CPU that it has had.

    The state is empty if it is not known.
    """

    state: str = ""
    cpu: float = 0.0

    @classmethod
    def at(cls, process: Process, proc: Path = Path("/proc")) -> "Glance":
        """Look at a process."""
        pid = f"{process.pid}"
        if process.file is not None:  # it says -1 once the process has ended
            info = content(proc / f"self/fdinfo/{process.file}")
            found = re.search(rb"^Pid:\s*([0-9]+)$", info, re.M)
            pid = found[1].decode() if found is not None else "none"
        words = stat(proc / pid / "stat")
        if len(words) < 13:
            return cls()
        return cls(words[0].decode(), (int(words[11]) + int(words[12])) / _TICKS)

    def is_starved(self, before: "Glance | None") -> bool:
        """Return whether it wants to run, and has had nearly no CPU since a look before."""
        return before is not None and self.state == "R" and self.cpu - before.cpu < STARVED_CPU
