"""The users of a soak: a process of ecm-swarm for each transport."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from threading import Lock, Thread
from typing import Any

from bench.load.swarm import source
from ecm.tools.swarm import addresses
from ecm.tools.swarm.messages import Report, Talk, Task
from ecm.tools.swarm.statistics import Sums
from testkit.servers.process import Process, python

WAIT = 60  # seconds of a poll of BOSH
PATIENCE = 60  # seconds until something that has not come is lost
AT_ONCE = 32  # logins of a process at the same time, and requests beside the held ones

# Numbers in each report of a process, which are those of its whole life.
_LIFE = ("online", "logging in", "sent", "arrived", "twice", "astray", "late", "lost", "doubtful")


class Crowd:
    """All that run. Each reports once a second."""

    def __init__(self, processes: list[Process]) -> None:
        self._processes = processes
        self._last: dict[int, Report] = {}
        self._all = Sums()
        self._lock = Lock()
        for place, process in enumerate(processes):
            Thread(target=self._listen, args=(place, process), daemon=True).start()

    def _listen(self, place: int, process: Process) -> None:
        for line in process.lines():
            report = json.loads(line)
            with self._lock:
                self._last[place] = report
                self._all.add(report)

    def tell(self, do: str, **details: Any) -> None:
        """Give all of them a command (ecm/tools/swarm/messages.py)."""
        for process in self._processes:
            process.say(json.dumps({"do": do, **details}))

    def talk(self, rate: float) -> None:
        """Let all of them together send so many messages a second."""
        self.tell("talk", **Talk(None, rate / len(self._processes), 0)._asdict())

    def churn(self, rate: float, absence: float) -> None:
        """Let so many of all go each second, and come again after a mean of ``absence`` seconds."""
        self.tell("churn", rate=rate / len(self._processes), absence=absence)

    def check(self) -> None:
        """Raises ProcessFailed where one has ended."""
        for process in self._processes:
            process.check()

    def done(self, what: str) -> bool:
        """Return whether all have done a command."""
        with self._lock:
            last = [*self._last.values()]
        return len(last) == len(self._processes) and all(each["done"] == what for each in last)

    def figures(self) -> dict[str, Any]:
        """Return what they have counted since they began, and the delays of messages since this was
        asked the last time, in milliseconds."""
        with self._lock:
            found: dict[str, Any] = {
                name: sum(report[name] for report in self._last.values()) for name in _LIFE
            }
            counts, errors = self._all.counts, self._all.errors
            found |= {name: counts[name] for name in ("logins", "left", "vanished")}
            found |= {"sessions lost": counts["lost"], "errors": dict(errors)}
            found["milliseconds"] = self._all.milliseconds()["message"]
            self._all.latencies["message"].clear()
        return found


@contextmanager
def crowd(urls: Mapping[str, int]) -> Iterator[Crowd]:
    """``urls`` are where users come to, and how many to each."""
    with ExitStack() as stack:
        processes = []
        first = 0
        for place, (url, users) in enumerate(urls.items()):
            process = stack.enter_context(python("ecm.tools.swarm.worker"))
            process.say(json.dumps(task(url, first, users, place)._asdict()))
            processes.append(process)
            first += users
        yield Crowd(processes)


def task(url: str, first: int, users: int, place: int) -> Task:
    """Return that of one process; its users come from two addresses of their own."""
    target = addresses.target(url)
    return Task(
        address=(target.address, target.port),
        transport=target.transport,
        tls=target.tls,
        host=target.host,
        path=target.path,
        domain="localhost",
        accounts="user{}:secret",
        first=first,
        users=users,
        sources=[source(2 * place + 1), source(2 * place + 2)],
        rate=None,
        at_once=AT_ONCE,
        wait=WAIT,
        hold=1,
        connections=1,
        patience=PATIENCE,
        login="sasl",
        storm=0,
        trusted=None,
    )
