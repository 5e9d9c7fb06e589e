"""Samples of a server under a soak: what its processes take, from without and from within."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from signal import SIGHUP
from typing import Any

import attrs

from bench.measure.memory import kilobytes
from bench.measure.server_side import open_files
from bench.node import Node
from testkit.servers.process import Process

# What the supervisor logs once the workers of a generation have ended.
_ENDED = "generation {} of workers has ended"


@attrs.define
class Subject:
    """ECM, which reads its options from a ``file``, and ejabberd."""

    ecm: Process
    node: Node
    file: Path
    generation: int = 1
    reloaded: float | None = None

    def reload(self) -> None:
        """Change an option that no user meets, and have ECM read it."""
        self.generation += 1
        self.reloaded = time.monotonic()
        self.write_options()
        self.ecm.running.send_signal(SIGHUP)

    def write_options(self) -> None:
        self.file.write_text(f"idle-timeout = {60 + self.generation % 2}\n")

    @property
    def former(self) -> bool:
        """Return whether workers of a former generation are still there, or the reload goes on."""
        if self.generation == 1:
            return False
        assert self.ecm.log is not None
        logged = self.ecm.log.read_text(errors="replace")
        return _ENDED.format(self.generation - 1) not in logged

    def figures(self) -> dict[str, Any]:
        """Return what both take now."""
        within = self.node.ask("census")
        beam, front = self.node.process, self.ecm
        memory, rows = within["memory"], within["rows"]
        return {
            "RSS of ECM": _sum(front.pids, lambda pid: _rollup("Rss", pid)),
            "PSS of ECM": _sum(front.pids, lambda pid: _rollup("Pss", pid)),
            "RSS of its supervisor": _rollup("Rss", front.pid),
            "files of ECM": _sum(front.pids, open_files),
            "RSS of beam": _sum(beam.pids, lambda pid: kilobytes("VmRSS", f"/proc/{pid}/status")),
            "files of beam": _sum(beam.pids, open_files),
            "memory in use by Erlang": memory["total"],
            "memory of processes": memory["processes"],
            "binaries": memory["binary"],
            "memory of tables": memory["ets"],
            "allocators": within["carriers"],
            "processes beside sessions": within["processes"] - within["sessions"],
            "ports": within["ports"],
            "atoms": within["atoms"],
            "tables": within["tables"],
            "sessions": within["sessions"],
            "offline messages": rows.get("offline_msg", 0),
            "rows of Mnesia": sum(rows.values()) - rows.get("offline_msg", 0),
            "tables of Mnesia": rows,
            "CPU of ECM": round(front.cpu_seconds(children=True), 1),
            "CPU of ejabberd": round(beam.cpu_seconds(children=True), 1),
        }


def _rollup(name: str, pid: int) -> int:
    return kilobytes(name, f"/proc/{pid}/smaps_rollup")


def _sum(pids: list[int], size: Callable[[int], int]) -> int:
    total = 0
    for pid in pids:
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            total += size(pid)
    return total
