"""The cost of messages, or polls, of a whole crowd to everything on the server's side.

A swarm logs in, rests, and talks: each user sends to any other, or polls. CPU is counted from the
moment in which they begin, or have warmed up, until nothing new is sent; logins and leaving are not
in it. What is under way then is counted, though not all of its CPU is.
"""

import time
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from bench.load import swarm
from bench.load.ramp import WAIT
from bench.measure.server_side import Server
from ecm.tools.errors import ToolError
from testkit.servers.process import Process

REST = 3  # seconds after the logins, and before the talk
AT_ONCE = 64  # messages or polls that are under way: more than two cores can do at the same time
PATIENCE = 15  # seconds for an answer, and for messages that have not arrived in the end
LEAVING = 4  # lines of ecm-swarm, 5 seconds each, until the last users have left
CONNECTIONS = 2  # of a user of BOSH, as browsers have them


class What(Enum):
    """As ecm-swarm names it in its options and results."""

    MESSAGE = "message"
    POLL = "poll"


@attrs.frozen
class Load:
    """``cpu`` is microseconds of each part for one message or poll; ``busy`` is percent of a core
    that all of them had, ``swarm`` that of the users. Milliseconds are until a message is
    there, or a poll is answered. ``troubles`` are errors that ecm-swarm has seen, by kind,
    and messages that were lost."""

    users: int
    count: int
    per_second: float
    cpu: dict[str, float]
    busy: float
    swarm: float
    p50: float
    p99: float
    troubles: dict[str, int]

    @property
    def cpu_each(self) -> float:
        return sum(self.cpu.values())


def talk(
    server: Server,
    folder: Path,
    what: What,
    users: int,
    seconds: float,
    rate: float | None = None,
    begin: Callable[[], None] = lambda: None,
    warm_up: float = 0.0,
    at_once: int = AT_ONCE,
) -> Load:
    """Let so many users talk, at most ``rate`` a second in all, or as fast as it goes, with as many
    messages or polls under way as ``at_once`` says.

    ``begin`` is called when they begin. They talk for ``warm_up`` seconds more, in which no CPU is
    counted, at the same rate. Raises ToolError where nothing comes of it.
    """
    output = folder / f"{what.value}-{rate or 'max'}-{at_once}".replace(".", "-")
    connections = CONNECTIONS if swarm.of_bosh(server.url, "--connections") else 1
    course = (
        *_course(what, warm_up + seconds, rate, at_once),
        *swarm.of_bosh(server.url, "--wait", str(WAIT)),
    )
    with swarm.start(server.url, output, users, *course, connections=connections) as crowd:
        swarm.await_phase(crowd, "talk")
        time.sleep(warm_up)
        first, first_crowd = server.cpu_seconds(), crowd.cpu_seconds(children=True)
        begin()
        swarm.await_phase(crowd, "settle")
        last, last_crowd = server.cpu_seconds(), crowd.cpu_seconds(children=True)
        _end(crowd)
    taken = {name: last[name] - first[name] for name in first}
    part = seconds / (warm_up + seconds)
    return _load(what, swarm.result(output), taken, last_crowd - first_crowd, part)


def _end(crowd: Process) -> None:
    """Let it end. A user whom the server never answers would keep it for all of ``wait``."""
    leaving = 0
    for line in crowd.lines():
        leaving += (swarm.state(line) or ("", 0))[0] == "leave"
        if leaving > LEAVING:
            crowd.interrupt()  # the second time it ends at once


def _course(what: What, seconds: float, rate: float | None, at_once: int) -> list[str]:
    options = {
        "--rate": "max",
        "--at-once": at_once,
        "--patience": PATIENCE,
        "--rest": REST,
        "--duration": seconds,
        f"--{what.value}-rate": "max" if rate is None else f"{rate:.1f}",
    }
    return [str(word) for option in options.items() for word in option]


def _load(
    what: What, told: dict[str, Any], taken: dict[str, float], crowd: float, part: float
) -> Load:
    """``taken`` and ``crowd`` are seconds of CPU in a part of the time."""
    count = told["messages"]["arrived"] if what is What.MESSAGE else told["polls"]
    if not count:
        raise ToolError(f"not one {what.value}: {told['errors'] or 'nobody has logged in'}")
    seconds = told["seconds"]["talk"]
    counted = count * part
    milliseconds = told["milliseconds"][what.value]
    lost = {"message lost": missing} if (missing := told["messages"]["lost"]) else {}
    return Load(
        users=told["users"]["logins"],
        count=count,
        per_second=count / seconds,
        cpu={name: cpu / counted * 1e6 for name, cpu in taken.items()},
        busy=sum(taken.values()) / (seconds * part) * 100,
        swarm=crowd / (seconds * part) * 100,
        p50=milliseconds["p50"],
        p99=milliseconds["p99"],
        troubles=told["errors"] | lost,
    )
