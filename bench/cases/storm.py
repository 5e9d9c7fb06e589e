"""A login storm: many users log in at once, while others are online and chat.

The same users come to ejabberd with mod_ecm behind ECM, to the same with `max_logins: unlimited`,
and to stock ejabberd (BOSH, with nothing in front). ejabberd computes the hash of a password for
each login, as where it keeps hashed passwords (`auth_password_format: scram`). Some users chat;
then all others log in at once (``ecm-swarm --storm``), until all are back, while the first go on.
Delays are those of messages: before, to those who were online when the storm came, and to those who
are back.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from bench.frame import EBIN, Case, Option, Outcome, Run, rounds
from bench.load import swarm
from bench.node import Kind, node
from bench.report import report
from bench.report.goal import reached
from bench.servers import MEGAPHONE, STOCK
from ecm.kernel import raise_open_files
from testkit.servers.megaphone import ecm
from testkit.servers.process import Process

# Milliseconds in which nearly all messages (p99) arrive in a storm, at those who are online and at
# those who are back.
GOAL = 500

UNLIMITED = "the same, `max_logins: unlimited`"

TITLE = "A login storm"


@attrs.frozen
class Storm:
    """One server. Delays are in milliseconds: p50, p99 and the longest; ``memory`` is the peak of
    ejabberd, in bytes."""

    name: str
    before: dict[str, float | None]
    online: dict[str, float | None]
    back: dict[str, float | None]
    returns: dict[str, float | None]
    came_back: int
    per_second: float
    refused: int
    memory: int
    errors: dict[str, int]


@contextmanager
def paced(folder: Path, code: list[Path], workers: int, **options: Any) -> Iterator[Any]:
    with (
        node(Kind.LINK, code, "hashed", **options) as behind,
        ecm(folder, behind.port, protocol="typed", workers=workers) as (_, port),
    ):
        yield f"http://127.0.0.1:{port}/http-bind", behind.process


@contextmanager
def stock(folder: Path, code: list[Path], workers: int) -> Iterator[Any]:
    with node(Kind.BOSH, code, "hashed") as alone:
        yield f"http://127.0.0.1:{alone.port}/http-bind", alone.process


def unlimited(folder: Path, code: list[Path], workers: int) -> AbstractContextManager[Any]:
    return paced(folder, code, workers, max_logins="unlimited")


SERVERS: dict[str, Callable[[Path, list[Path], int], AbstractContextManager[Any]]] = {
    MEGAPHONE: paced,
    UNLIMITED: unlimited,
    STOCK: stock,
}


def measure_one(name: str, code: list[Path], options: argparse.Namespace) -> Storm:
    everybody = options.users + options.storm
    with TemporaryDirectory() as place:
        folder, output = Path(place), Path(place) / "swarm"
        start = SERVERS[name](folder, code, swarm.processes(everybody))
        with start as (url, ejabberd):
            with swarm.start(
                *(url, output, options.users, *course(options)),
                connections=2,
                storm=options.storm,
            ) as crowd:
                for line in crowd.lines():
                    print(line, file=sys.stderr, flush=True)
            memory = peak(ejabberd)
        told = swarm.result(output)
    delays, storm = told["milliseconds"], told["storm"]
    return Storm(
        name=name,
        before=delays["message"],
        online=delays["message in the storm"],
        back=delays["message to those back"],
        returns=delays["return"],
        came_back=storm["came back"],
        per_second=storm["logins a second"],
        refused=told["users"]["refused"],
        memory=memory,
        errors=told["errors"],
    )


def peak(process: Process) -> int:
    """Return the most resident bytes that it has had (proc_pid_status(5))."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in process.pids]
    found = [re.search(r"^VmHWM:\s+([0-9]+) kB", status, re.MULTILINE) for status in statuses]
    return sum(int(one[1]) * 1024 for one in found if one)


def course(options: argparse.Namespace) -> list[str]:
    told = {
        "--rate": "max",
        "--duration": options.seconds,
        "--message-rate": options.rate,
    }
    return [str(word) for option in told.items() for word in option]


def delay(found: dict[str, float | None]) -> str:
    return " / ".join(
        "–" if value is None else f"{value:,.0f}"
        for value in (found["p50"], found["p99"], found["max"])
    )


COLUMNS: dict[str, Callable[[Storm], str]] = {
    "server": lambda one: one.name,
    "delay before, ms": lambda one: delay(one.before),
    "of those online": lambda one: delay(one.online),
    "of those back": lambda one: delay(one.back),
    "back after, ms": lambda one: delay(one.returns),
    "came back": lambda one: f"{one.came_back:,}",
    "a second": lambda one: f"{one.per_second:.0f}",
    "refused": lambda one: str(one.refused),
    "ejabberd, peak MB": lambda one: f"{one.memory / 1e6:,.0f}",
    "errors": lambda one: ", ".join(f"{n} × {kind}" for kind, n in one.errors.items()) or "none",
}


def tell(one: Storm) -> str:
    return ", ".join(f"{name} {show(one)}" for name, show in COLUMNS.items())


def verdict(found: Sequence[Storm]) -> str:
    worst = max(
        max(one.online["p99"] or 0, one.back["p99"] or 0) for one in found if one.name == MEGAPHONE
    )
    return (
        f"With Megaphone, {worst:,.0f} ms of delay (p99) in the storm. The goal of {GOAL} ms is"
        f" {reached(worst, GOAL)}."
    )


def measure(run: Run) -> list[Storm]:
    raise_open_files()
    code, options = run.code(), run.options
    names = list(SERVERS)[: 1 if options.alone else None]
    return rounds(
        options.rounds, lambda _: (measure_one(name, code, options) for name in names), tell
    )


def show(found: Sequence[Storm]) -> Outcome:
    text = "Delays are p50 / p99 / max.\n\n" + report.table(COLUMNS, found)
    return Outcome(text, verdict(found))


def suffix(options: argparse.Namespace) -> str:
    return f"-{options.storm}" if options.storm != STORM else ""


STORM = 800

CASE = Case(
    title=TITLE,
    row=Storm,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("users", 200, "who are online and chat"),
        Option("storm", STORM, "who log in at once"),
        Option("rate", 50, "messages a second"),
        Option("seconds", 10, "before the storm"),
        Option("rounds", 1, "with servers started anew"),
        Option("alone", 0, "1: with Megaphone as it is alone", int),
        EBIN,
    ),
)
