"""A soak: users who come, chat, vanish and return for hours, over all transports at once.

ECM with two workers in front of ejabberd with mod_ecm and its table of sessions. A fifth of the
users each come over BOSH, BOSH over TLS, WebSocket, WebSocket over TLS and TCP over TLS. A user
stays for some minutes, and then goes in one of three ways: with a goodbye, with a reset of its
connections, or in silence, so that the server has to find out; and it comes again within two
minutes, often before the server has. Three times ECM is reloaded, with a changed option, and
everybody goes over to a new generation of workers.

Every minute a sample is written to bench/results/soak.jsonl, at once. A run is a piece: Ctrl-C ends
it early, and the next one is appended. The result is of all pieces: whether any series grows by
more than 2 % behind the warm-up of each, the first hour or the first eighth of what was planned.
To begin anew, delete that file.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run
from bench.load.swarm import PER_PROCESS
from bench.node import Kind, node
from bench.report import chart, report
from bench.soak import record
from bench.soak.crowd import Crowd, crowd
from bench.soak.record import Figures, Piece
from bench.soak.series import SERIES, Series, judged
from bench.soak.trend import FLAT, Trend
from bench.soak.watch import Subject
from ecm.kernel import raise_open_files
from ecm.tools.errors import ToolError
from ecm.tools.ports import free_port
from testkit.servers.megaphone import certificate, ecm

TITLE = "Users who come and go for hours"
USERS = 20_000
WORKERS = 2

RELOADS = 4  # parts of a piece, between which ECM is reloaded

LOGIN_TIMEOUT = 1800.0  # seconds for all to log in


@contextmanager
def stack(folder: Path, code: list[Path]) -> Iterator[tuple[Subject, list[str]]]:
    """Start both, and return the URLs that users come to."""
    file = folder / "ecm.toml"
    tls = free_port()
    secured = f"ssl:{tls}:interface=127.0.0.1:backlog=4096:privateKey={certificate(folder)}"
    file.touch()
    more = ("--listen", secured, "--lean-tls", "--config", str(file))
    with (
        node(Kind.LINK, code) as behind,
        ecm(folder, behind.port, False, "typed", WORKERS, more) as (front, port),
    ):
        host = "127.0.0.1"
        yield (
            Subject(front, behind, file),
            [
                f"http://{host}:{port}/http-bind",
                f"https://{host}:{tls}/http-bind",
                f"ws://{host}:{port}/ws",
                f"wss://{host}:{tls}/ws",
                f"xmpps://{host}:{tls}",
            ],
        )


class Course:
    """One piece: the load, the reloads and the samples, ``tell`` is given each."""

    def __init__(
        self,
        subject: Subject,
        users: Crowd,
        options: argparse.Namespace,
        tell: Callable[[Figures], None],
    ) -> None:
        self._subject = subject
        self._users = users
        self._total: int = options.users
        self._messages = options.users / options.pause
        self._absence: float = options.absence
        self._departures = options.users / (options.stay + options.absence)  # as many come
        self._seconds = options.hours * 3600
        self._every = options.every
        self._tell = tell
        self._began = time.monotonic()
        self._settled = 0.0

    def run(self) -> None:
        """Raises ToolError where something ends before its time."""
        self._log_in()
        self._settled = time.monotonic()
        self._users.talk(self._messages)
        self._users.churn(self._departures, self._absence)
        reloads = [self._seconds * part / RELOADS for part in range(1, RELOADS)]
        due = 0.0
        while (now := self._elapsed) < self._seconds:
            if reloads and now >= reloads[0]:
                reloads.pop(0)
                self._subject.reload()
            if now >= due:
                due += self._every
                self._tell(self._sample())
            self._users.check()
            time.sleep(min(1.0, self._every / 4))
        self._tell(self._sample())

    @property
    def _elapsed(self) -> float:
        """The seconds since all were online."""
        return time.monotonic() - self._settled

    def _log_in(self) -> None:
        self._users.tell("log in")
        deadline = time.monotonic() + LOGIN_TIMEOUT
        told = 0.0
        while not self._users.done("log in"):
            self._users.check()
            if time.monotonic() > deadline:
                raise ToolError(f"only {self._users.figures()['online']} users have logged in")
            if time.monotonic() - told > 10:
                told = time.monotonic()
                say(f"logging in: {self._users.figures()['online']:,} of {self._total:,}")
            time.sleep(0.2)

    def _sample(self) -> Figures:
        now = time.monotonic()
        subject = self._subject
        return {
            "at": round(now - self._began, 1),
            "settled": round(now - self._settled, 1),
            "generation": subject.generation,
            "former": int(subject.former),
            "since": round(now - (subject.reloaded or self._settled), 1),
            **self._users.figures(),
            **subject.figures(),
        }


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def progress(figures: Figures) -> str:
    """Return a sample as a line."""
    return (
        f"{figures['settled'] / 60:.1f} min: {figures['online']:,} online,"
        f" {figures['sent']:,} messages, {figures['lost']:,} lost, {figures['twice']:,} twice;"
        f" MB: ECM {figures['RSS of ECM'] / 1e6:,.0f}, beam {figures['RSS of beam'] / 1e6:,.0f};"
        f" files {figures['files of ECM']:,}, processes {figures['processes beside sessions']:,}"
    )


def piece(run: Run, file: Path) -> None:
    """Run one, and append it to the file; SIGINT or SIGTERM ends it, and what is written stays."""
    options = run.options
    code = run.code()
    before = file.read_text() if file.exists() else ""
    number = record.next_number(record.pieces(before))
    share, rest = divmod(options.users, 5)
    with (
        file.open("a") as written,
        stack(run.folder, code) as (subject, urls),
        crowd({url: share + (place < rest) for place, url in enumerate(urls)}) as users,
    ):
        head = record.head(number, options.users, options.hours * 3600, run.about)
        written.write(record.resumed(before) + head)

        def tell(figures: Figures) -> None:
            written.write(record.sample(number, figures))
            written.flush()
            say(progress(figures))

        Course(subject, users, options, tell).run()


COLUMNS: dict[str, Callable[[tuple[Series, Trend | None]], str]] = {
    "series": lambda row: row[0].label,
    "level": lambda row: _shown(row[0], row[1].level) if row[1] else "–",
    "growth": lambda row: _shown(row[0], row[1].growth) if row[1] else "–",
    "of the level": lambda row: f"{row[1].share:+.1%}" if row[1] else "–",
    "": lambda row: _word(row[1]),
}


def _shown(series: Series, figure: float) -> str:
    value = figure / series.unit
    return f"{value:,.3f}" if series.each else f"{value:,.1f}"


def _word(found: Trend | None) -> str:
    if found is None:
        return "too short"
    return "**grows**" if found.grows else "flat"


PIECE_COLUMNS: dict[str, Callable[[Piece], str]] = {
    "piece": lambda one: str(one.number),
    "begun": lambda one: one.about["date"],
    "minutes": lambda one: f"{last(one)['settled'] / 60:,.0f} of {one.planned / 60:,.0f}",
    "generations": lambda one: str(last(one)["generation"]),
    "logins": lambda one: f"{last(one)['logins']:,}",
    "goodbyes": lambda one: f"{last(one)['left']:,}",
    "vanished": lambda one: f"{last(one)['vanished']:,}",
    "sessions lost": lambda one: f"{last(one)['sessions lost']:,}",
    "messages": lambda one: f"{last(one)['sent']:,}",
    "arrived": lambda one: f"{last(one)['arrived']:,}",
    "lost": lambda one: f"{last(one)['lost']:,}",
    "twice": lambda one: f"{last(one)['twice']:,}",
    "out of order": lambda one: f"{last(one)['late']:,}",
    "astray": lambda one: f"{last(one)['astray']:,}",
    "in doubt": lambda one: f"{last(one)['doubtful']:,}",
    "errors": lambda one: _errors(last(one)["errors"]),
}


def last(one: Piece) -> Figures:
    return one.samples[-1]


def _errors(errors: dict[str, int]) -> str:
    return ", ".join(f"{times:,} × {kind}" for kind, times in errors.items()) or "none"


def text(found: list[Piece]) -> str:
    return (
        f"{report.table(COLUMNS, judged(found))}\n\n"
        f"Growth is that of all the time behind the warm-ups, {hours(found):.2f} hours, by the"
        " median of the slopes between any two samples; ECM's, but for its supervisor, within a"
        " generation of workers.\n\n"
        f"{report.table(PIECE_COLUMNS, found)}\n\n"
        "Messages in doubt were under way to or from somebody who went, and have not arrived:"
        " nobody acknowledges on a stream, so the server cannot know of those it has sent."
    )


def hours(found: list[Piece]) -> float:
    """Return those behind the warm-ups."""
    return sum((last(one)["settled"] - one.warm_up for one in found if one.judged), 0.0) / 3600


def verdict(found: list[Piece]) -> str:
    trends = judged(found)
    growing = [
        f"{series.name} by {trend.share:.1%}" for series, trend in trends if trend and trend.grows
    ]
    missing = any(trend is None for _, trend in trends)
    lost, twice = (sum(last(one)[what] for one in found) for what in ("lost", "twice"))
    if missing:
        flat = "It was too short to tell."
    elif growing:
        flat = f"NOT flat within {FLAT:.0%}: {', '.join(growing)}."
    else:
        flat = f"Every series is flat within {FLAT:.0%}, or within what says nothing."
    return f"{flat} {lost:,} messages between users who stayed were lost, {twice:,} came twice."


def plot(found: list[Piece]) -> Figure:
    """Draw each series beside its level; warm-ups are pale."""
    columns = 3
    lines = -(-len(SERIES) // columns)
    figure = Figure(figsize=(12, 1.9 * lines), layout="constrained")
    panels = figure.subplots(lines, columns, sharex=True)
    for axes, (series, trend) in zip(panels.flat, judged(found), strict=True):
        _draw(axes, found, series, trend)
    for axes in panels[-1]:
        axes.set_xlabel("hours", size=8)
    return figure


def _draw(axes: Axes, found: list[Piece], series: Series, trend: Trend | None) -> None:
    axes.set_title(series.label, loc="left", size=10, color=chart.TEXT)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    start = 0.0
    for one in found:
        points = [
            (start + each["settled"] / 3600, series.figure(each) / series.unit)
            for each in one.samples
        ]
        warm = len(one.samples) - len(one.judged)
        for part, colour in ((points[: warm + 1], chart.OTHERS), (points[warm:], chart.OURS)):
            axes.plot(*zip(*part, strict=True), color=colour, linewidth=1) if part else None
        start += last(one)["settled"] / 3600
    if trend is not None:
        level = trend.level / series.unit
        axes.axhspan(level * (1 - FLAT), level * (1 + FLAT), color=chart.OURS, alpha=0.12)
    axes.set_ylim(bottom=0)


def path(users: int) -> Path:
    return report.RESULTS / f"soak{suffix(users)}.jsonl"


def suffix(users: int) -> str:
    return "" if users == USERS else f"-{users}"


def measure(run: Run) -> list[Piece]:
    raise_open_files()
    options = run.options
    if options.users > 5 * PER_PROCESS:
        raise ToolError(f"more than {5 * PER_PROCESS} users need more processes than it has")
    file = path(options.users)
    if options.hours:
        try:
            piece(run, file)
        except SystemExit:
            say("ended by a signal; what there is is judged")
    found = [one for one in record.pieces(file.read_text()) if one.samples] if file.exists() else []
    if not found:
        raise ToolError("there is no sample yet")
    return found


def show(rows: Sequence[Piece]) -> Outcome:
    found = [*rows]
    flat = not any(trend and trend.grows for _, trend in judged(found))
    return Outcome(text(found), verdict(found), plot(found), good=flat)


def number_of(text: str) -> float:
    """Read a number of an option. Raises ValueError below 0."""
    found = float(text)
    if not 0 <= found < float("inf"):
        raise ValueError
    return found


CASE = Case(
    title=TITLE,
    row=Piece,
    measure=measure,
    show=show,
    suffix=lambda options: suffix(options.users),
    options=(
        Option("hours", 8.0, "of this piece; 0 judges the pieces that are there", number_of),
        Option("users", USERS, "who come and go"),
        Option("stay", 600.0, "seconds that a user stays, on average", number_of),
        Option("absence", 60.0, "seconds until it comes again, on average", number_of),
        Option("pause", 200.0, "seconds between two messages of a user, on average", number_of),
        Option("every", 60.0, "seconds between two samples", number_of),
        EBIN,
    ),
    note="Two cores are enough for 20,000 users, and 8 GiB of memory.",
)
