"""ecm-swarm, as a part of a measurement."""

import json
import re
from pathlib import Path
from typing import Any

from testkit.servers.process import Process, python

# Users of a process of ecm-swarm, and of a worker of ECM: beneath 20,000 open files, with room for
# the second connections of those who send, and for an uneven spread.
PER_PROCESS = 18_200

SOURCES_PER_PROCESS = 2  # the ports of one address are too few


def of_bosh(url: str, *options: str) -> tuple[str, ...]:
    """Return options that are for BOSH alone, where users come so."""
    return options if url.startswith("http:") else ()


def processes(users: int) -> int:
    """Return how many processes of ecm-swarm, or workers of ECM, so many users need."""
    return -(-users // PER_PROCESS)


# URLs of servers that have certificates, which nobody has signed here.
_OVER_TLS = ("https:", "wss:", "xmpps:")


def start(
    url: str,
    output: Path,
    users: int,
    *options: str,
    connections: int = 1,
    beside: int = 0,
    storm: int = 0,
) -> Process:
    """One swarm, in as many processes as it and its ``storm`` need, ``beside`` so many of other
    swarms. It prints a line for each phase and every five seconds, and at the end writes
    ``output``.json and .png."""
    count = processes((users + storm) * connections)
    first, last = beside * SOURCES_PER_PROCESS + 1, (beside + count) * SOURCES_PER_PROCESS
    return python(
        "ecm.tools.swarm.main",
        *(url, "--users", str(users), "--processes", str(count), "--output", str(output)),
        *("--sources", f"{source(first)}-{source(last)}"),
        *of_bosh(url, "--connections", str(connections)),
        *(("--storm", str(storm)) if storm else ()),
        *(("--insecure",) if url.startswith(_OVER_TLS) else ()),
        *options,
    )


def source(number: int) -> str:
    return f"127.1.{number // 256}.{number % 256}"


def state(line: str) -> tuple[str, int] | None:
    """Return the phase of a run and how many users are online, by a line that it prints."""
    found = re.match(r" *[0-9]+ s  (\w+(?: in)?).*? ([0-9]+) online", line)
    return (found[1], int(found[2])) if found else None


def await_phase(process: Process, phase: str) -> None:
    """Wait until it begins. Raises ToolError where the swarm ends before."""
    while not re.match(rf" *[0-9]+ s  {phase} begins$", process.line()):
        pass


def result(output: Path) -> dict[str, Any]:
    """Return what it has written; docs/swarm.md says what is in it."""
    found: dict[str, Any] = json.loads(output.with_suffix(".json").read_text())
    return found
