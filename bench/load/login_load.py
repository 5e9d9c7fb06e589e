"""The cost of logins as fast as they go, to everything on the server's side.

A few log in first and leave again, so that all programs are there in memory. Then a swarm logs in.
CPU is counted from the moment in which it begins until the last user is online.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from bench.load import swarm
from bench.load.ramp import WAIT
from bench.measure.server_side import Server
from ecm.tools.errors import ToolError

AT_ONCE = 64  # logins that the users have under way: more than two cores can do at the same time
WARMING = 300  # users who log in before
REST = 1  # seconds after the logins, in which CPU is read


@attrs.frozen
class Logins:
    """``cpu`` is microseconds of each part for one login, ``swarm`` those of the users' end.
    ``busy`` is percent of a core that the server's side had, ``crowd`` those of the users' process.
    Milliseconds are from the first byte to the user's own presence. ``troubles`` are errors that
    ecm-swarm has seen, by kind."""

    count: int
    per_second: float
    cpu: dict[str, float]
    swarm: float
    busy: float
    crowd: float
    p50: float
    p99: float
    troubles: dict[str, int]

    @property
    def cpu_each(self) -> float:
        return sum(self.cpu.values())


def log_in(
    server: Server,
    folder: Path,
    users: int,
    login: str,
    begin: Callable[[], None] = lambda: None,
) -> Logins:
    """Let so many users log in; ``login`` is that of ecm-swarm. ``begin`` is called when they
    begin. Raises ToolError where not all of them come in."""
    course = _course(server.url, login)
    with swarm.start(server.url, folder / "warming", WARMING, *course) as crowd:
        for _ in crowd.lines():
            pass
    output = folder / "logins"
    with swarm.start(server.url, output, users, "--first", str(WARMING), *course) as crowd:
        swarm.await_phase(crowd, "log in")
        first, first_crowd = server.cpu_seconds(), crowd.cpu_seconds(children=True)
        begin()
        swarm.await_phase(crowd, "rest")
        last, last_crowd = server.cpu_seconds(), crowd.cpu_seconds(children=True)
        for _ in crowd.lines():
            pass
    taken = {name: last[name] - first[name] for name in first}
    return _logins(swarm.result(output), users, taken, last_crowd - first_crowd)


def _course(url: str, login: str) -> list[str]:
    options = {
        "--rate": "max",
        "--at-once": AT_ONCE,
        "--login": login,
        "--rest": REST,
        "--duration": 0,
    }
    more = swarm.of_bosh(url, "--wait", str(WAIT))
    return [*(str(word) for option in options.items() for word in option), *more]


def _logins(told: dict[str, Any], users: int, taken: dict[str, float], crowd: float) -> Logins:
    count, seconds = told["users"]["logins"], told["seconds"]["log in"]
    if count != users:
        raise ToolError(f"of {users} users {count} have logged in: {told['errors']}")
    return Logins(
        count=count,
        per_second=count / seconds,
        cpu={name: cpu / count * 1e6 for name, cpu in taken.items()},
        swarm=crowd / count * 1e6,
        busy=sum(taken.values()) / seconds * 100,
        crowd=crowd / seconds * 100,
        p50=told["milliseconds"]["login"]["p50"],
        p99=told["milliseconds"]["login"]["p99"],
        troubles=told["errors"],
    )
