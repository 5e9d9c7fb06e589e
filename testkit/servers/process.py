"""Processes that a measurement starts, and stops again by their IDs."""

import ctypes
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

CHECKOUT = Path(__file__).parent.parent.parent
PATIENCE = 60.0  # seconds to wait for anything
TICKS = os.sysconf("SC_CLK_TCK")  # a second of CPU in /proc
STOPS = [signal.SIGINT, signal.SIGTERM]

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # of Linux; Python has no name for it


class Process:
    """A process that runs until the ``with`` block ends. Its stdin and stdout are lines."""

    def __init__(self, *command: str | Path, log: Path | None = None) -> None:
        self._command = [str(word) for word in command]
        self._log = log

    def __enter__(self) -> Self:
        errors = self._log.open("wb") if self._log else None
        self._process = subprocess.Popen(
            self._command,
            env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
            stdin=subprocess.PIPE,
            stdout=errors or subprocess.PIPE,
            stderr=errors,
            text=True,
            process_group=0,  # so Ctrl-C reaches only who stops it
            preexec_fn=_end_with_parent,
        )
        if errors:
            errors.close()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    @property
    def pids(self) -> list[int]:
        """Its own ID, and those of all that it has started, directly or not."""
        return _tree(self._process.pid)

    def cpu_seconds(self, children: bool = False) -> float:
        """Return the CPU that it has had so far, without that of its children, or with it."""
        pids = self.pids if children else self.pids[:1]
        return sum(map(_cpu_seconds, pids))

    def run_on(self, cores: set[int]) -> None:
        """Let it, and its children, run on these cores only."""
        for pid in self.pids:
            os.sched_setaffinity(pid, cores)

    def say(self, line: str) -> None:
        """Raises RuntimeError where it has ended."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._has_ended() from None

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)

    def line(self) -> str:
        """Return the next line that it prints. Raises RuntimeError where there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self._has_ended()
        return line.strip()

    def lines(self) -> Iterator[str]:
        """Give what it prints, until it ends."""
        while True:
            try:
                yield self.line()
            except RuntimeError:
                return

    def _has_ended(self) -> RuntimeError:
        return RuntimeError(f"this has ended: {' '.join(self._command)}")

    def number(self, at_least: int = 0) -> int:
        """Return the first number that it prints and that is as large as wanted."""
        while True:
            number = int(self.line())
            if number >= at_least:
                return number

    def wait_until_logged(self, text: str, times: int = 1) -> None:
        """Raises RuntimeError where that does not happen in time."""
        assert self._log is not None
        until = time.monotonic() + PATIENCE
        while self._log.read_text().count(text) < times:
            self._check(until, f"it has not logged {text!r}, but {self._log.read_text()}")

    def wait_until_listening(self, port: int) -> None:
        """Raises RuntimeError where that does not happen in time."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except ConnectionRefusedError:
                self._check(until, f"nothing listens on port {port}")

    def _check(self, until: float, why: str) -> None:
        if self._process.poll() is not None or time.monotonic() > until:
            raise RuntimeError(f"{' '.join(self._command)}: {why}")
        time.sleep(0.05)


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
    return (int(fields[11]) + int(fields[12])) / TICKS


# One that serves, and its port.
Running = tuple[Process, int]


def python(module: str, *arguments: str, log: Path | None = None) -> Process:
    """One of the programs of this folder, or another module, under the Python that runs now."""
    return Process(sys.executable, "-u", "-m", module, *arguments, log=log)


def _end_with_parent() -> None:
    """Let this process have SIGTERM when the one that started it ends, even by SIGKILL."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop_on_signals() -> None:
    """Let Ctrl-C and SIGTERM end this program through all its ``with`` blocks."""
    for number in STOPS:
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for stop in STOPS:
        signal.signal(stop, signal.SIG_IGN)  # a second one would leave the blocks half done
    sys.exit(128 + number)


def open_files() -> int:
    """Let this program and all that it starts open as many files as they may; return how many."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most


def program(name: str) -> str:
    """Return where a Debian package has put a program. Ends with one line where it is not."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise SystemExit(f"{name} is not there: apt-get install {name}")
    return found
