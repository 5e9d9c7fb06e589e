"""A process that the demo starts, watches and stops."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs

# The kernel kills the child if the demo dies without stopping it. The parent's death is the only
# word that a kill -9 sends.
_DIES_WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")


@attrs.define
class Child:
    """One command, started again under the same name as often as wanted.

    It gets a session of its own: Ctrl-C in the terminal reaches the demo alone, which then stops
    its children in the right order.
    """

    name: str
    command: Sequence[str]
    log: Path
    cwd: Path
    environment: Mapping[str, str]
    ready: Callable[[int], bool]  # is given the process ID; whether that process is of use yet
    stop_patience: float = 10.0  # seconds from SIGTERM to SIGKILL; a clean stop takes about one
    _process: subprocess.Popen[bytes] | None = attrs.field(init=False, default=None)
    _started_at: float = attrs.field(init=False, default=0.0)  # time.monotonic()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it; what it prints is added to its log."""
        self._started_at = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_DIES_WITH_PARENT, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.cwd,
                env=self.environment,
                start_new_session=True,
            )

    def ending(self) -> str | None:
        """How it has ended, in words; None while it runs, and before it is started."""
        if self._process is None or (status := self._process.poll()) is None:
            return None
        if status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"

    def seconds_since_start(self) -> float:
        return time.monotonic() - self._started_at

    def is_ready(self) -> bool:
        """Whether it runs and does what it is for."""
        return self.ending() is None and self.ready(self.pid)

    def stop(self) -> None:
        """Stop it and wait for its end."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(self.stop_patience)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
