"""Starts processes in order, restarts those that exit, and stops them in reverse order."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ecm.tools.process import POLL_INTERVAL, Process

_MAX_DELAY = 30.0  # seconds between two restarts of what keeps exiting
_MIN_UPTIME = 60.0  # seconds; a process that ran that long had no trouble starting


@dataclass
class Backoff:
    """Restart delays of one process: none, 1 second, 2, 4 …; none again after a long run."""

    _delay: float = 0.0  # seconds

    def next_delay(self, uptime: float) -> float:
        """The delay in seconds before the restart of a process that ran ``uptime`` seconds."""
        if uptime >= _MIN_UPTIME:
            self._delay = 0.0
        delay, self._delay = self._delay, min(max(1.0, 2 * self._delay), _MAX_DELAY)
        return delay


@dataclass
class Supervisor:
    """The processes, in the order of their start."""

    processes: Sequence[Process]
    say: Callable[[str], None]  # is given the lines for the user

    def start(self) -> None:
        """Start all. Raises ProcessFailed if one exits or is not ready in time."""
        for process in self.processes:
            self.say(f"starting {process.name}")
            process.start()
            process.wait_until(partial(self._is_ready, process))

    def _is_ready(self, process: Process) -> bool:
        """Raises ProcessFailed if any has exited meanwhile."""
        for each in self.processes:
            each.check()
        return process.is_ready()

    def restarts(self) -> Iterator[Process]:
        """Restart each process that exits, for ever. Yields it once all are ready again."""
        backoffs = [Backoff() for _ in self.processes]
        while True:
            process = self._wait_for_exit()
            delay = backoffs[self.processes.index(process)].next_delay(process.uptime())
            self.say(f"{process.name} {process.ending()}: restarting it")
            time.sleep(delay)
            process.start()
            if self._wait_for_all():
                yield process

    def _wait_for_exit(self) -> Process:
        while (process := self._exited()) is None:
            # Returns when any child process has exited, and leaves its status to be read.
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return process

    def _wait_for_all(self) -> bool:
        """Wait until all are ready. False as soon as one has exited again."""
        while self._exited() is None:
            if all(process.is_ready() for process in self.processes):
                return True
            time.sleep(POLL_INTERVAL)
        return False

    def _exited(self) -> Process | None:
        return next((process for process in self.processes if process.ending()), None)

    def stop(self) -> None:
        """Stop what runs, the last started first."""
        for process in reversed(self.processes):
            process.stop()
