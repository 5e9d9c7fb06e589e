"""``python -m bench.link``: what a typed link costs ECM, beside a plain one.

Clients on connections that stay open ask, wait for their answer and ask again, as fast as ECM can.
What is behind it answers each request with its own body. In every round two ECMs are started, with
a plain link and with a typed one, and take turns, while the other has nothing to do: the turns are
short, since what else the machine does changes within seconds. The result is the CPU of ECM's
process for one request: typed divided by plain, the median of all rounds.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench import chart, report
from bench.front_ends import ecm
from bench.machine import machine
from bench.process import Process, python, stop_on_signals

# How much of plain's CPU for each request a typed link may take.
BUDGET = 1.15

# Percent of a core. With less, ECM has waited for clients, the other end, or other programs.
SATURATED = 90

TURN = 0.25  # seconds
WARM_UP = 0.5  # seconds
START = 4  # seconds, about, to start everything and to stop it

TITLE = "A typed link beside a plain one"


@attrs.frozen
class Moment:
    """Up to now: answers; seconds of turns, of ECM's CPU, and of that of its clients and peer."""

    answers: int
    turns: float
    ecm: float
    others: float


@attrs.frozen
class Load:
    """Answers a second, ECM's CPU for each in microseconds; CPU in percent of a core."""

    per_second: float
    cpu_each: float
    ecm: float
    others: float


@attrs.frozen
class Round:
    """What was measured of each form, and the CPU for each request of typed divided by plain."""

    number: int
    plain: Load
    typed: Load
    ratio: float = attrs.field(init=False)

    @ratio.default
    def _divide(self) -> float:
        return self.typed.cpu_each / self.plain.cpu_each


COLUMNS: dict[str, Callable[[Round], str]] = {
    "round": lambda row: str(row.number),
    "plain, requests/s": lambda row: f"{row.plain.per_second:,.0f}",
    "typed, requests/s": lambda row: f"{row.typed.per_second:,.0f}",
    "plain, µs each": lambda row: f"{row.plain.cpu_each:.1f}",
    "typed, µs each": lambda row: f"{row.typed.cpu_each:.1f}",
    "typed / plain": lambda row: f"{row.ratio:.3f}",
    "CPU of ECM": lambda row: f"{row.plain.ecm:.0f} %, {row.typed.ecm:.0f} %",
    "of clients and peer": lambda row: f"{row.plain.others:.0f} %, {row.typed.others:.0f} %",
}


@attrs.define
class Subject:
    """ECM with a link of one form, its peer, and its clients, who ask when it is their turn."""

    ecm: Process
    peer: Process
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
        others = self.clients.cpu_seconds() + self.peer.cpu_seconds()
        return Moment(self.answers, self.turns, self.ecm.cpu_seconds(), others)


@contextmanager
def subject(protocol: str, clients: int) -> Iterator[Subject]:
    with (
        TemporaryDirectory() as folder,
        python("bench.echo") as echo,
        ecm(Path(folder), echo.number(), protocol=protocol) as (front_end, port),
        python("bench.askers", str(port), str(clients)) as askers,
    ):
        yield Subject(front_end, echo, askers)


def load(begin: Moment, end: Moment) -> Load:
    """Return what there was between two moments."""
    answers, seconds = end.answers - begin.answers, end.turns - begin.turns
    return Load(
        per_second=answers / seconds,
        cpu_each=(end.ecm - begin.ecm) / answers * 1e6,
        ecm=(end.ecm - begin.ecm) / seconds * 100,
        others=(end.others - begin.others) / seconds * 100,
    )


def measure(number: int, clients: int, seconds: int) -> Round:
    with subject("plain", clients) as plain, subject("typed", clients) as typed:
        both = [plain, typed]
        for one in both:
            one.take_turn(WARM_UP)
        begins = [one.now() for one in both]
        for _ in range(round(seconds / TURN)):
            for one in both:
                one.take_turn(TURN)
        loads = [load(begin, one.now()) for begin, one in zip(begins, both, strict=True)]
    return Round(number, *loads)


def rounds(clients: int, seconds: int, count: int) -> Iterator[Round]:
    """Measure all rounds, and tell how each one went."""
    print(f"this takes about {count * (2 * seconds + START)} seconds", flush=True)
    for number in range(1, count + 1):
        row = measure(number, clients, seconds)
        print(
            f"round {number} of {count}: plain {told(row.plain)}, typed {told(row.typed)},"
            f" typed / plain {row.ratio:.3f}",
            flush=True,
        )
        yield row


def told(found: Load) -> str:
    return f"{found.per_second:,.0f} requests/s at {found.cpu_each:.1f} µs of CPU"


def middle(loads: Iterable[Load]) -> Load:
    """Return the median of each figure."""
    return Load(*map(median, zip(*map(attrs.astuple, loads), strict=True)))


def verdict(rows: list[Round]) -> str:
    ratios = [row.ratio for row in rows]
    kept = "kept" if median(ratios) <= BUDGET else "NOT kept"
    return (
        f"A request over a typed link takes {median(ratios):.3f} × the CPU of one over a plain link"
        f" (median of {len(rows)} rounds, {min(ratios):.3f} to {max(ratios):.3f})."
        f" The budget of {BUDGET} × is {kept}.\n\n{saturation(rows)}"
    )


def saturation(rows: list[Round]) -> str:
    """Say whether it was ECM that could do no more."""
    least = min(load.ecm for row in rows for load in (row.plain, row.typed))
    if least < SATURATED:
        return f"ECM was NOT saturated: at times it had only {least:.1f} % of a core."
    return f"ECM was saturated: it had {least:.1f} % of a core or more."


def plot(rows: list[Round]) -> Figure:
    plain = middle(row.plain for row in rows).cpu_each
    typed = middle(row.typed for row in rows).cpu_each
    bars = [("ECM, plain link", plain), ("ECM, typed link", typed)]
    return chart.bars(TITLE, "µs of ECM's CPU for each request", bars, round(BUDGET * plain, 1))


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench.link",
        description="Measure what a typed link costs ECM, beside a plain one.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--seconds", type=positive, default=5, help="of each form in a round")
    parser.add_argument("--clients", type=positive, default=100, help="that ask at the same time")
    parser.add_argument("--rounds", type=positive, default=7, help="with both forms, started anew")
    return parser


def main() -> int:
    stop_on_signals()
    arguments = options().parse_args()
    about = machine() | {name: str(value) for name, value in vars(arguments).items()}
    try:
        rows = list(rounds(arguments.clients, arguments.seconds, arguments.rounds))
    except RuntimeError as error:
        sys.exit(f"bench.link: {error}")
    report.write("link", TITLE, about, report.table(COLUMNS, rows), verdict(rows), rows)
    chart.save("link", plot(rows), about)
    return 0


if __name__ == "__main__":
    sys.exit(main())
