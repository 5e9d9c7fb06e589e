"""CPU by the kind of code that ran: Megaphone beside stock ejabberd alone, over BOSH.

Users chat as fast as it goes, poll as fast as it goes, and log in as fast as it goes (SASL PLAIN,
no hash of a password), each with servers that are started anew. Meanwhile perf takes samples of
all that is on the server's side, and each sample is counted by the kind of code that ran. What
stock ejabberd runs as well, for the same work, is the floor of what is built on it.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench import node
from bench.frame import EBIN, Case, Option, Outcome, Run, announce, rounds
from bench.load.login_load import log_in
from bench.load.message_load import What, talk
from bench.measure import profile
from bench.measure.profile import ErlangKinds, Kind, Recording, python_kind
from bench.measure.server_side import Server
from bench.report import chart, report
from bench.servers import MEGAPHONE, STOCK, stock, with_workers
from ecm.kernel import raise_open_files
from ecm.tools.swarm.accounts import SASL

LOGIN = "login"
LOADS = (What.MESSAGE.value, What.POLL.value, LOGIN)

KERNEL = (Kind.SEND, Kind.RECEIVE, Kind.WAIT, Kind.KERNEL)

Start = Callable[[Path, list[Path]], AbstractContextManager[Server]]

SERVERS: dict[str, Start] = {MEGAPHONE: partial(with_workers, workers=1), STOCK: stock}

# Logins a second of the fastest server: so many users are enough for all of the time.
LOGINS_PER_SECOND = 2_500

START = 15  # seconds, about, of a server that starts, is measured, and stops


@attrs.frozen
class Spent:
    """Microseconds of a part of a server for one message, poll or login, by kind of code."""

    load: str
    server: str
    part: str
    cpu: dict[str, float]
    samples: int

    @property
    def column(self) -> str:
        return f"{self.server}: {self.part}"


def measure_one(
    load: str, name: str, code: list[Path], otp: frozenset[str], options: argparse.Namespace
) -> Iterator[Spent]:
    with TemporaryDirectory() as folder, SERVERS[name](Path(folder), code) as server:
        parts = {part: process.pids for part, process in server.parts.items()}
        recording = Recording(parts, Path(folder) / "samples", options.seconds)
        try:
            cpu = loaded(server, Path(folder), load, options, recording.start)
            kinds = {"ECM": python_kind, "ejabberd": ErlangKinds(otp).kind}
            counted = recording.counted(kinds)
        finally:
            recording.stop()
    for part, found in counted.items():
        yield Spent(load, name, part, shared(cpu[part], found), found.total())


def loaded(
    server: Server,
    folder: Path,
    load: str,
    options: argparse.Namespace,
    begin: Callable[[], None],
) -> dict[str, float]:
    """Return microseconds of each part for each message, poll or login. What comes behind the time
    of the samples is counted, too."""
    if load == LOGIN:
        users = options.seconds * LOGINS_PER_SECOND
        return log_in(server, folder, users, SASL, begin).cpu
    seconds = options.seconds + 1
    return talk(server, folder, What(load), options.users, seconds, begin=begin).cpu


def shared(cpu: float, found: Counter[Kind]) -> dict[str, float]:
    return {kind.name: cpu * found[kind] / found.total() for kind in Kind if found[kind]}


def tell(one: Spent) -> str:
    return f"{one.load}, {one.column}: {sum(one.cpu.values()):.0f} µs, {one.samples:,} samples"


def of_load(load: str, rows: Sequence[Spent]) -> str:
    """Return the table of a load: kinds of code, and what each part spends on them."""
    found = [row for row in rows if row.load == load]
    columns: dict[str, Callable[[Kind], str]] = {f"µs of a {load}": lambda kind: kind.value}
    for row in found:
        columns[row.column] = partial(figure_of, row)
    used = [kind for kind in Kind if any(kind.name in row.cpu for row in found)]
    table = report.table(columns, used)
    sums = ", ".join(f"{row.column} {sum(row.cpu.values()):.0f}" for row in found)
    return f"{table}\n\nIn all: {sums}."


def figure_of(row: Spent, kind: Kind) -> str:
    return f"{row.cpu[kind.name]:.1f}" if kind.name in row.cpu else "–"


def loads(rows: Sequence[Spent]) -> list[str]:
    return list(dict.fromkeys(row.load for row in rows))


def of_server(load: str, server: str, rows: Sequence[Spent]) -> Counter[str]:
    found = Counter[str]()
    for row in rows:
        if (row.load, row.server) == (load, server):
            found.update(row.cpu)
    return found


def verdict(rows: Sequence[Spent]) -> str:
    return "\n\n".join(of_floor(load, rows) for load in loads(rows))


def of_floor(load: str, rows: Sequence[Spent]) -> str:
    """Say how much of it is not the project's own code."""
    ours, theirs = (of_server(load, server, rows) for server in (MEGAPHONE, STOCK))
    own = ours[Kind.PYTHON.name] + ours[Kind.MOD_ECM.name]
    kernel = sum(ours[kind.name] for kind in KERNEL)
    below = ours.total() - own - kernel
    return (
        f"A {load}: {ours.total():.0f} µs, {ours.total() / theirs.total():.2f} × stock ejabberd"
        f" alone. {own:.0f} are the code of ECM with its interpreter and of mod_ecm, {kernel:.0f}"
        f" the kernel, and {below:.0f} ejabberd, Erlang and its emulator, which take"
        f" {theirs.total() - sum(theirs[kind.name] for kind in KERNEL):.0f} in stock ejabberd."
    )


def plot(rows: Sequence[Spent]) -> Figure:
    names = loads(rows)
    figure = Figure(figsize=(9, 2.2 * len(names) + 1.6), layout="constrained")
    kinds = [kind for kind in Kind if any(kind.name in row.cpu for row in rows)]
    panels = figure.subplots(len(names), squeeze=False)[:, 0]
    for axes, load in zip(panels, names, strict=True):
        bars = {
            server: {kind.value: of_server(load, server, rows)[kind.name] for kind in kinds}
            for server in SERVERS
        }
        chart.stacked(axes, f"A {load}", "µs of CPU of the server's side", bars)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False, fontsize=9)
    return figure


def measure(run: Run) -> list[Spent]:
    raise_open_files()
    options, code = run.options, run.code()
    otp = profile.otp_modules()
    announce(len(LOADS) * len(SERVERS) * (START + 2 * options.seconds))
    with node.more_flags(profile.FLAGS):
        return rounds(
            1,
            lambda _: (
                one
                for load in LOADS
                for name in SERVERS
                for one in measure_one(load, name, code, otp, options)
            ),
            tell,
        )


def show(rows: Sequence[Spent]) -> Outcome:
    text = "\n\n".join(of_load(load, rows) for load in loads(rows))
    return Outcome(text, verdict(rows), plot(rows))


CASE = Case(
    title="CPU by kind of code",
    row=Spent,
    measure=measure,
    show=show,
    options=(
        Option("users", 5_000, "who chat and poll"),
        Option("seconds", 6, "of samples of each load"),
        EBIN,
    ),
    note="It needs Debian's linux-perf, and to be root.",
)
