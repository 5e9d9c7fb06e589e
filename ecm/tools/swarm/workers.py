"""The coordinator's side of the worker processes."""

import json
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IProcessTransport, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from ecm.tools.swarm.messages import Report, Talk, Task
from ecm.tools.swarm.options import Options

_NO_REPORT: Report = {
    "done": "",
    **dict.fromkeys(("online", "logging in", "resident", "cpu"), 0),
    **dict.fromkeys(("sent", "arrived", "twice", "astray", "late", "missing"), 0),
}


class Worker(ProcessProtocol):
    """One process. ``told`` is called with each report, ``ended`` when it has exited."""

    transport: IProcessTransport

    def __init__(
        self,
        task: Task,
        told: Callable[["Worker", Report], None],
        ended: Callable[["Worker"], None],
    ) -> None:
        self.task = task
        self.last = _NO_REPORT
        self.first_resident = 0
        self.runs = True
        self._told = told
        self._ended = ended
        self._received = b""

    def connectionMade(self) -> None:
        self._write(self.task._asdict())

    def tell(self, do: str, talk: Talk | None = None) -> None:
        self._write({"do": do, **(talk._asdict() if talk else {})})

    def _write(self, command: dict[str, Any]) -> None:
        if self.runs:
            self.transport.write(json.dumps(command).encode() + b"\n")

    def outReceived(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self.last = json.loads(line)
            self.first_resident = self.first_resident or self.last["resident"]
            self._told(self, self.last)

    def end(self) -> None:
        """Let it exit; users who are still online lose their connections."""
        self.transport.closeStdin()

    def processEnded(self, reason: Failure) -> None:
        self.runs = False
        self._ended(self)


def start(
    reactor: IReactorProcess,
    options: Options,
    told: Callable[[Worker, Report], None],
    ended: Callable[[Worker], None],
) -> list[Worker]:
    """Start all processes of a run."""
    workers = [Worker(task, told, ended) for task in tasks(options)]
    command = [sys.executable, "-m", "ecm.tools.swarm.worker"]
    for worker in workers:
        descriptors: dict[int, int | str] = {0: "w", 1: "r", 2: 2}
        reactor.spawnProcess(worker, command[0], command, env=None, childFDs=descriptors)
    return workers


def tasks(options: Options) -> list[Task]:
    """Return the task of each."""
    number = options.processes
    firsts = [options.users * place // number for place in range(number + 1)]
    return [
        Task(
            address=(options.target.address, options.target.port),
            transport=options.target.transport,
            tls=options.target.tls,
            host=options.target.host,
            path=options.target.path,
            domain=options.domain,
            accounts=options.accounts,
            first=options.first + firsts[place],
            users=firsts[place + 1] - firsts[place],
            sources=share(options.sources, place, number),
            rate=part(options.rate, number),
            at_once=options.at_once,
            wait=options.wait,
            hold=options.hold,
            connections=options.connections,
            patience=options.patience,
            login=options.login,
            storm=options.storm * (place + 1) // number - options.storm * place // number,
            trusted=options.trusted,
        )
        for place in range(number)
    ]


def talks(options: Options) -> list[Talk]:
    """Return the activity of each one's users."""
    number, messages = options.processes, options.messages
    return [
        Talk(
            messages=None
            if messages is None
            else messages * (place + 1) // number - messages * place // number,
            message_rate=part(options.message_rate, number),
            poll_rate=part(options.poll_rate, number),
        )
        for place in range(number)
    ]


def share(sources: list[str], place: int, number: int) -> list[str]:
    """Return the addresses of one of so many workers; too few addresses are shared by all."""
    return sources[place::number] if len(sources) >= 2 * number else sources


def part(rate: float | None, number: int) -> float | None:
    return None if rate is None else rate / number
