"""A process of the swarm: ``python -m ecm.tools.swarm.worker``, which the coordinator starts.

It reads its task and then commands from stdin (task.py), and prints a report once a second and
whenever something is done. It ends with the end of stdin, which is also that of the coordinator.
"""

import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from ecm.tools.swarm.accounts import Identities
from ecm.tools.swarm.counters import Tally
from ecm.tools.swarm.delivery import Mail
from ecm.tools.swarm.messages import Talk, Task
from ecm.tools.swarm.population import Crowd
from ecm.tools.swarm.sessions import Sessions
from ecm.tools.swarm.sockets import Lines

_TICK = 0.05  # seconds at most between two looks at what is due
_REPORTS = 1.0  # seconds between two of them
_PAGE = resource.getpagesize()
_RUN_BYTES = 4  # of a random number; told apart are only runs whose messages are still stored


class Worker:
    def __init__(self, task: Task) -> None:
        self._lines = Lines(task.address, task.sources)
        self._tally = Tally()
        self._mail = Mail(os.urandom(_RUN_BYTES).hex())
        clock, identities = time.monotonic, Identities(task)
        self._sessions = Sessions(task, self._lines, identities, self._mail, self._tally, clock)
        self._crowd = Crowd(task, self._sessions, self._mail, clock)
        self._lines.watch(sys.stdin.fileno(), self._read)
        self._commands = b""
        self._reported = 0.0
        self._done = ""
        self._ends = False

    def run(self) -> None:
        """Go on until stdin ends."""
        while not self._ends:
            self._lines.wait(_TICK, self._sessions)
            self._crowd.go_on()
            if time.monotonic() - self._reported > _REPORTS or self._crowd.done != self._done:
                self._report()

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        self._ends = not data
        *commands, self._commands = (self._commands + data).split(b"\n")
        for command in commands:
            self._obey(**json.loads(command))

    def _obey(self, do: str, **details: Any) -> None:
        match do:
            case "log in":
                self._crowd.log_in()
            case "talk":
                self._crowd.talk(Talk(**details))
            case "hush":
                self._crowd.hush()
            case "leave":
                self._crowd.leave()

    def _report(self) -> None:
        self._reported = time.monotonic()
        self._done = self._crowd.done
        used = resource.getrusage(resource.RUSAGE_SELF)
        report = {
            "done": self._done,
            "online": self._sessions.online,
            "logging in": self._sessions.logging_in,
            "sent": self._mail.sent,
            "arrived": self._mail.arrived,
            "twice": self._mail.twice,
            "astray": self._mail.astray,
            "missing": self._mail.missing,
            "resident": resident(),
            "cpu": used.ru_utime + used.ru_stime,
            **self._tally.taken(),
        }
        os.write(sys.stdout.fileno(), json.dumps(report).encode() + b"\n")


def resident() -> int:
    """Return the bytes of this process that are in memory (proc_pid_statm(5))."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE


def main() -> None:
    # Ctrl-C at a terminal is for the coordinator, which says what is to be done about it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _raise_open_files()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()  # and nothing beyond it
    if line:
        task = Task(**json.loads(line))
        with suppress(BrokenPipeError):  # the coordinator has gone
            Worker(task._replace(address=(task.address[0], task.address[1]))).run()


def _raise_open_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
