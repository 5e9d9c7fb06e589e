"""The CPU of ejabberd for an empty poll and for a message: mod_ecm beside stock BOSH.

In every round two nodes are started, and take turns, while the other has nothing to do. The turns
are short, since what else the machine does changes within seconds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import attrs

from bench.frame import announce, rounds
from bench.load.crowd import users
from bench.node import Kind, Node, node
from testkit.servers.process import Process

TURN = 0.5  # seconds
WARM_UP = 1  # second
START = 12  # seconds, about, to start two nodes with their users and to stop them

WHATS = {
    "poll": "empty poll",
    "message": "message",
}  # as bench/load/node_users.py has it, and to be read


@attrs.frozen
class Moment:
    """Up to now: polls or messages; seconds of turns, of ejabberd's CPU, and of its users'."""

    count: int
    turns: float
    beam: float
    users: float


@attrs.frozen
class Cost:
    """A second; ejabberd's CPU for each in microseconds; CPU in percent of a core."""

    per_second: float
    cpu_each: float
    beam: float
    users: float


@attrs.frozen
class Round:
    """The figures of one activity on both nodes; mod_ecm's CPU divided by that of stock BOSH."""

    number: int
    what: str
    stock: Cost
    mod_ecm: Cost
    ratio: float = attrs.field(init=False)

    @ratio.default
    def _divide(self) -> float:
        return self.mod_ecm.cpu_each / self.stock.cpu_each


COLUMNS: dict[str, Callable[[Round], str]] = {
    "round": lambda row: str(row.number),
    "what": lambda row: WHATS[row.what],
    "stock, a second": lambda row: f"{row.stock.per_second:,.0f}",
    "mod_ecm, a second": lambda row: f"{row.mod_ecm.per_second:,.0f}",
    "stock, µs each": lambda row: f"{row.stock.cpu_each:.0f}",
    "mod_ecm, µs each": lambda row: f"{row.mod_ecm.cpu_each:.0f}",
    "mod_ecm / stock": lambda row: f"{row.ratio:.3f}",
    "CPU of ejabberd": lambda row: f"{row.stock.beam:.0f} %, {row.mod_ecm.beam:.0f} %",
    "of the users": lambda row: f"{row.stock.users:.0f} %, {row.mod_ecm.users:.0f} %",
}


@attrs.define
class Subject:
    """A node, and users who do something when it is their turn."""

    node: Node
    users: Process
    count: int = 0
    turns: float = 0

    def take_turn(self, what: str, seconds: float) -> None:
        begin = time.monotonic()
        self.users.say(what)
        time.sleep(seconds)
        self.users.say("stop")
        self.count = self.users.number()
        self.turns += time.monotonic() - begin

    def now(self) -> Moment:
        beam, clients = self.node.process.cpu_seconds(), self.users.cpu_seconds()
        return Moment(self.count, self.turns, beam, clients)


@contextmanager
def subject(kind: Kind, code: list[Path], clients: int) -> Iterator[Subject]:
    with node(kind, code) as started, users(kind, started) as process:
        process.say(f"login {clients}")
        process.number(at_least=clients)
        yield Subject(started, process)


def cost(begin: Moment, end: Moment) -> Cost:
    """Return what there was between two moments."""
    count, seconds = end.count - begin.count, end.turns - begin.turns
    return Cost(
        per_second=count / seconds,
        cpu_each=(end.beam - begin.beam) / count * 1e6,
        beam=(end.beam - begin.beam) / seconds * 100,
        users=(end.users - begin.users) / seconds * 100,
    )


def measure(what: str, both: list[Subject], seconds: int) -> list[Cost]:
    """Let both take turns until each has had so many seconds."""
    for one in both:
        one.take_turn(what, WARM_UP)
    begins = [one.now() for one in both]
    for _ in range(round(seconds / TURN)):
        for one in both:
            one.take_turn(what, TURN)
    return [cost(begin, one.now()) for begin, one in zip(begins, both, strict=True)]


def measure_all(code: list[Path], clients: int, seconds: int, count: int) -> list[Round]:
    """Measure all rounds, and tell how each one went."""
    announce(duration(seconds, count))
    return rounds(count, partial(measure_round, code, clients, seconds), tell)


def measure_round(code: list[Path], clients: int, seconds: int, number: int) -> Iterator[Round]:
    with (
        subject(Kind.BOSH, code, clients) as stock,
        subject(Kind.LINK, code, clients) as mod_ecm,
    ):
        for what in WHATS:
            yield Round(number, what, *measure(what, [stock, mod_ecm], seconds))


def duration(seconds: int, count: int) -> float:
    """Return about how many seconds all rounds take."""
    return count * (START + len(WHATS) * 2 * (seconds + WARM_UP))


def tell(row: Round) -> str:
    return (
        f"{WHATS[row.what]}: stock {row.stock.cpu_each:.0f} µs,"
        f" mod_ecm {row.mod_ecm.cpu_each:.0f} µs, mod_ecm / stock {row.ratio:.3f}"
    )
