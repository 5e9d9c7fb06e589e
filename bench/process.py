"""Processes that a measurement starts, and stops again by their IDs."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

CHECKOUT = Path(__file__).parent.parent
PATIENCE = 60.0  # seconds to wait for anything


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
        """Its own ID, and those of its children."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def line(self) -> str:
        """Return the next line that it prints. Raises RuntimeError where there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"this has ended: {' '.join(self._command)}")
        return line.strip()

    def number(self, at_least: int = 0) -> int:
        """Return the first number that it prints and that is as large as wanted."""
        while True:
            number = int(self.line())
            if number >= at_least:
                return number

    def wait_until_logged(self, text: str) -> None:
        """Raises RuntimeError where that does not happen in time."""
        assert self._log is not None
        until = time.monotonic() + PATIENCE
        while text not in self._log.read_text():
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


def python(module: str, *arguments: str, log: Path | None = None) -> Process:
    """One of the programs of this folder, or another module, under the Python that runs now."""
    return Process(sys.executable, "-u", "-m", module, *arguments, log=log)


def stop_on_sigterm() -> None:
    """Let SIGTERM end this program through all its ``with`` blocks, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
