"""Front ends that take turns, each with clients and a server behind it of its own.

While one has its turn, its clients ask, wait for their answers and ask again, as fast as it can,
and the others have nothing to do. Turns are short, since what else the machine does changes within
seconds: so all have the same share of it.
"""

import time
from collections.abc import Iterable, Sequence
from statistics import median

import attrs

from testkit.servers.process import Process

# Percent of a core. With less, the front end has waited for clients, for what is behind it, or for
# other programs.
SATURATED = 90

TURN = 0.25  # seconds
WARM_UP = 0.5  # seconds


@attrs.frozen
class Moment:
    """Up to now: answers; seconds of turns, of the front end's CPU, and of that of the others."""

    answers: int
    turns: float
    front_end: float
    others: float


@attrs.frozen
class Load:
    """Answers a second, the front end's CPU for each in microseconds; CPU in percent of a core."""

    per_second: float
    cpu_each: float
    front_end: float
    others: float


@attrs.define
class Subject:
    """A front end, what is behind it, and its clients, who ask when it is their turn."""

    front_end: Process
    behind: Process
    clients: Process
    answers: int = 0
    turns: float = 0

    def take_turn(self, seconds: float) -> None:
        begin = time.monotonic()
        self.clients.say("ask")
        time.sleep(seconds)
        self.clients.say("stop")
        self.answers = self.clients.number()
        self.turns += time.monotonic() - begin

    def now(self) -> Moment:
        others = self.clients.cpu_seconds() + self.behind.cpu_seconds()
        front_end = self.front_end.cpu_seconds(children=True)
        return Moment(self.answers, self.turns, front_end, others)


def loads(subjects: Sequence[Subject], seconds: float) -> list[Load]:
    """Let all take turns until each has had so many seconds, and return the load of each."""
    for one in subjects:
        one.take_turn(WARM_UP)
    begins = [one.now() for one in subjects]
    for _ in range(round(seconds / TURN)):
        for one in subjects:
            one.take_turn(TURN)
    return [_load(begin, one.now()) for begin, one in zip(begins, subjects, strict=True)]


def _load(begin: Moment, end: Moment) -> Load:
    """Return what there was between two moments."""
    answers, seconds = end.answers - begin.answers, end.turns - begin.turns
    return Load(
        per_second=answers / seconds,
        cpu_each=(end.front_end - begin.front_end) / answers * 1e6,
        front_end=(end.front_end - begin.front_end) / seconds * 100,
        others=(end.others - begin.others) / seconds * 100,
    )


def middle(found: Iterable[Load]) -> Load:
    """Return the median of each figure."""
    return Load(*map(median, zip(*map(attrs.astuple, found), strict=True)))


def told(found: Load) -> str:
    return f"{found.per_second:,.0f} requests/s at {found.cpu_each:.1f} µs of CPU"


def saturation(found: Iterable[Load]) -> str:
    """Say whether it was ECM that could do no more."""
    least = min(load.front_end for load in found)
    if least < SATURATED:
        return f"ECM was NOT saturated: at times it had only {least:.1f} % of a core."
    return f"ECM was saturated: it had {least:.1f} % of a core or more."
