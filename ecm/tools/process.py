"""A child process: started, watched and stopped, without an event loop."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from ecm.tools.errors import ProcessFailed

START_TIMEOUT = 60.0  # seconds; most servers take about three
STOP_TIMEOUT = 10.0  # seconds from SIGTERM to SIGKILL; a clean exit takes about one
POLL_INTERVAL = 0.05  # seconds

# The kernel kills the child if its parent dies without stopping it, as after a kill -9.
DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


def _always(pid: int) -> bool:
    return True


@dataclass(eq=False)
class Process:
    """One command, which may be started several times under the same name.

    It has a session of its own: Ctrl-C in the terminal reaches only its parent, which then stops
    its children in the right order. As a context manager it runs from ``with`` to the end of the
    block.
    """

    name: str
    command: Sequence[str]
    log: Path | None = None  # for its output; None: where the parent's goes
    cwd: Path = Path()
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    pipes: bool = False  # whether stdin and stdout are pipes of text; stderr goes to the log
    files: Sequence[int] = ()  # open files that it inherits, under the same numbers
    ready: Callable[[int], bool] = _always  # is given the process ID; True once it does its work
    stop_timeout: float = STOP_TIMEOUT
    _process: subprocess.Popen[str] | None = field(init=False, default=None)
    _started_at: float = field(init=False, default=0.0)  # time.monotonic()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it; its output is appended to its log."""
        self._started_at = time.monotonic()
        with nullcontext() if self.log is None else self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*DIES_WITH_PARENT, *self.command],
                stdin=subprocess.PIPE if self.pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.pipes else log,
                stderr=log,
                cwd=self.cwd,
                env=self.environment,
                pass_fds=self.files,
                start_new_session=True,
                text=True,
            )

    @property
    def running(self) -> subprocess.Popen[str]:
        """The process as it was last started: its ID, its pipes."""
        assert self._process is not None, f"{self.name} has not been started"
        return self._process

    @property
    def pid(self) -> int:
        return self.running.pid

    def ending(self) -> str | None:
        """The end of the process in words; None while it runs, and before it is started."""
        if self._process is None or (status := self._process.poll()) is None:
            return None
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"exited with status {status}"

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def uptime(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._started_at

    def is_ready(self) -> bool:
        """True if it runs and does its work."""
        return self.is_running() and self.ready(self.pid)

    def wait_until_ready(self) -> None:
        """Raises ProcessFailed if it exits first, or is not ready in time."""
        self.wait_until(self.is_ready)

    def wait_until_listening(self, port: int) -> None:
        """Raises ProcessFailed if it exits before that port of 127.0.0.1 accepts connections."""
        self.wait_until(lambda: _accepts(port))

    def wait_until(self, done: Callable[[], bool], timeout: float = START_TIMEOUT) -> None:
        """Poll until something is done. Raises ProcessFailed if it exits first, or at ``timeout``
        (seconds)."""
        deadline = time.monotonic() + timeout
        while not done():
            self.check()
            if time.monotonic() > deadline:
                raise self._failed("does not answer")
            time.sleep(POLL_INTERVAL)

    def wait_until_ended(self) -> None:
        """Wait until it has ended by itself. Raises ProcessFailed if it does not in time."""
        if self._process is None:
            return
        try:
            self._process.wait(self.stop_timeout)
        except subprocess.TimeoutExpired:
            raise self._failed("does not end") from None

    def check(self) -> None:
        """Raises ProcessFailed if it has exited."""
        if ending := self.ending():
            raise self._failed(ending)

    def _failed(self, what: str) -> ProcessFailed:
        return ProcessFailed(f"{self.name} {what}" + (f": see {self.log}" if self.log else ""))

    def stop(self) -> None:
        """Terminate it and wait for its exit. Does nothing if it was not started."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=self.stop_timeout)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return False
    return True
