"""Processes whose lines are read, and whose CPU is measured."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from ecm.tools import process
from ecm.tools.errors import ProcessFailed, ToolError
from testkit.paths import CHECKOUT

_TICKS = os.sysconf("SC_CLK_TCK")  # a second of CPU in /proc
_LAST_WORDS = 1_000  # characters of the log of a process that has failed


@dataclass(eq=False)
class Process(process.Process):
    """It runs until the ``with`` block ends. Without a log its stdin and stdout are lines."""

    @classmethod
    def of(cls, other: process.Process) -> Self:
        """Return the same one, which has not been started."""
        return cls(**{each.name: getattr(other, each.name) for each in fields(other) if each.init})

    @property
    def pids(self) -> list[int]:
        """Its own ID, and those of all that it has started, directly or not."""
        return _tree(self.pid)

    def cpu_seconds(self, children: bool = False) -> float:
        """Return the CPU that it has had so far, without that of its children, or with it."""
        pids = self.pids if children else self.pids[:1]
        return sum(map(_cpu_seconds, pids))

    def run_on(self, cores: set[int]) -> None:
        """Let it, and its children, run on these cores only."""
        for pid in self.pids:
            os.sched_setaffinity(pid, cores)

    def say(self, line: str) -> None:
        """Raises ProcessFailed where it has ended."""
        assert self.running.stdin is not None
        try:
            self.running.stdin.write(f"{line}\n")
            self.running.stdin.flush()
        except BrokenPipeError:
            raise self._failed("has ended") from None

    def kill(self) -> None:
        """Kill it, if it runs, and wait for its end."""
        if self.is_running():
            self.running.kill()
            self.running.wait()

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.running.send_signal(signal.SIGINT)

    def line(self) -> str:
        """Return the next line that it prints. Raises ProcessFailed where there is none."""
        assert self.running.stdout is not None
        line: str = self.running.stdout.readline()
        if not line:
            raise self._failed("has ended")
        return line.strip()

    def lines(self) -> Iterator[str]:
        """Give what it prints, until it ends."""
        while True:
            try:
                yield self.line()
            except ProcessFailed:
                return

    def number(self, at_least: int = 0) -> int:
        """Return the first number that it prints and that is as large as wanted."""
        while True:
            number = int(self.line())
            if number >= at_least:
                return number

    def wait_until_logged(self, text: str, times: int = 1) -> None:
        """Raises ProcessFailed where that does not happen in time."""
        log = self.log
        assert log is not None
        self.wait_until(lambda: log.read_text(errors="replace").count(text) >= times)

    def _failed(self, what: str) -> ProcessFailed:
        """Its log goes with the folder that it is in: the end of it is told."""
        told = self.log.read_text(errors="replace")[-_LAST_WORDS:] if self.log else ""
        return ProcessFailed(f"{self.name} {what}\n{told}".rstrip())


# One that serves, and its port.
Running = tuple[Process, int]


def command(*words: str | Path, log: Path | None = None) -> Process:
    """A program of this machine, with its arguments."""
    return Process(
        name=Path(words[0]).name,
        command=[str(word) for word in words],
        log=log,
        pipes=log is None,
        environment={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )


def python(module: str, *arguments: str) -> Process:
    """A module of this checkout, under the Python that runs now."""
    found = command(sys.executable, "-u", "-m", module, *arguments)
    found.name = module
    found.cwd = CHECKOUT  # which python -m looks into first
    return found


def program(name: str, package: str = "") -> str:
    """Return where a Debian package, with the same name if none is given, has put a program.
    Raises ToolError where it is not."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise ToolError(f"{name} is missing; as root: apt-get install {package or name}")
    return found


def version(package: str) -> str:
    """Return that of Debian's package, without Debian's own part."""
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.partition("-")[0]


def _tree(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:  # it has just ended
        return []
    return [pid, *(below for child in children for below in _tree(int(child)))]


def _cpu_seconds(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:  # it has just ended
        return 0
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
