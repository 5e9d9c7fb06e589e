"""A worker process: ``python -m ecm.tools.swarm.worker``, started by the coordinator.

It reads its task and then commands from stdin (messages.py), and prints a report once a second and
whenever a command is complete. It exits at the end of stdin, also when the coordinator dies.
"""

import json
import os
import resource
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from ecm.kernel import raise_open_files
from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.chat import Chat
from ecm.tools.swarm.churn import Churn
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.messages import Talk, Task
from ecm.tools.swarm.population import Population
from ecm.tools.swarm.transports import sockets, transport

_TICK = 0.05  # seconds; the longest time between two checks of what is due
_REPORTS = 1.0  # seconds between two reports
_PAGE = resource.getpagesize()
_RUN_BYTES = 4  # of a random number, which distinguishes runs whose messages are still stored


class Worker:
    def __init__(self, task: Task) -> None:
        self._sockets = sockets(task)
        self._counters = Counters()
        self._delivery = Delivery(os.urandom(_RUN_BYTES).hex())
        self._attendance: Attendance[Any] = Attendance(task, self._counters, time.monotonic)
        chat = Chat(self._attendance, self._delivery)
        self._transport = transport(task, self._sockets, self._attendance, chat)
        self._population = Population(task, self._transport, self._attendance, self._delivery)
        self._churn: Churn[Any] | None = None
        self._task = task
        self._sockets.watch(sys.stdin.fileno(), self._read)
        self._commands = b""
        self._reported = 0.0
        self._done = ""
        self._ends = False

    def run(self) -> None:
        """Run until the end of stdin."""
        pause = _TICK
        while not self._ends:
            self._sockets.wait(min(_TICK, pause), self._transport)
            pause = self._population.go_on()
            if self._churn is not None:
                self._churn.go_on(self._task.at_once)
            if time.monotonic() - self._reported > _REPORTS or self._population.done != self._done:
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
                self._population.log_in()
            case "talk":
                self._population.talk(Talk(**details))
            case "churn":
                self._churn = self._made_churn(**details)
            case "storm":
                self._population.storm()
            case "hush":
                self._population.hush()
            case "leave":
                self._population.leave()

    def _made_churn(self, rate: float, absence: float) -> Churn[Any]:
        return Churn(
            rate, absence, self._sockets, self._transport, self._attendance, self._delivery
        )

    def _report(self) -> None:
        self._reported = time.monotonic()
        self._done = self._population.done
        used = resource.getrusage(resource.RUSAGE_SELF)
        report = {
            "done": self._done,
            "online": self._attendance.online,
            "logging in": self._attendance.logging_in,
            "sent": self._delivery.sent,
            "arrived": self._delivery.arrived,
            "twice": self._delivery.twice,
            "astray": self._delivery.astray,
            "late": self._delivery.late,
            "missing": self._delivery.missing,
            "lost": self._delivery.missing_since(self._reported - self._task.patience),
            "doubtful": self._delivery.doubtful,
            "resident": resident(),
            "cpu": used.ru_utime + used.ru_stime,
            **self._counters.taken(),
        }
        os.write(sys.stdout.fileno(), json.dumps(report).encode() + b"\n")


def resident() -> int:
    """Return the resident bytes of this process (proc_pid_statm(5))."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * _PAGE


def main() -> None:
    # Ctrl-C at a terminal is for the coordinator, which tells its workers what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_open_files()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()  # and nothing after it
    if line:
        task = Task(**json.loads(line))
        with suppress(BrokenPipeError):  # the coordinator has gone
            Worker(task._replace(address=(task.address[0], task.address[1]))).run()


if __name__ == "__main__":
    main()
