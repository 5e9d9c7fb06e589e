"""Users of WebSocket and of TCP over TLS: Megaphone beside stock ejabberd alone.

In each way, users come to ejabberd with mod_ecm behind ECM (with TLS: ``--lean-tls``), and to stock
ejabberd with nothing in front. First they log in and rest, FEW of them and then all: the growth
between is the memory of a user (bench/measure/server_side.py). Then, in each round with fresh
servers, all of CLIENTS chat as fast as it goes, and at half of that rate, which gives the latencies
(bench/load/message_load.py).
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run, announce, rounds
from bench.load import swarm
from bench.load.message_load import Load, What, talk
from bench.load.ramp import online
from bench.measure.memory import kernel_memory
from bench.measure.server_side import Server, grown
from bench.report import chart, report
from bench.report.goal import judged
from bench.servers import BOSH, WAYS, stock, with_workers
from ecm.kernel import raise_open_files
from ecm.tools.errors import ToolError

TITLE = "Users of WebSocket and TCP"

OURS, STOCK = "Megaphone", "ejabberd"
NAMES = {"websocket": "WebSocket", "websocket-tls": "WebSocket over TLS", "tls": "TCP over TLS"}

# Bytes of ECM for a user who does nothing, and of ejabberd; CPU of everything on the server's side
# for a message, divided by that of stock ejabberd alone. Each is the goal, and the next one.
ECM_BYTES = {
    "websocket": (1_400, 1_200),
    "websocket-tls": (2_100, 1_800),
    "tls": (2_100, 1_800),
}
EJABBERD_BYTES = (3_400, 2_800)
CPU = {"websocket": (0.65, 0.5), "websocket-tls": (0.75, 0.6), "tls": (0.75, 0.6)}

# Users below which memory says little: the first live in what processes have left from their start.
ENOUGH = 10_000

# Seconds, about: of a server that starts and stops; of a login; of the users of a load who leave.
START, LOGIN, LEAVE = 12, 1 / 250, 10


@attrs.frozen
class Memory:
    """Bytes of each part for a user, of so many."""

    way: str
    server: str
    users: int
    parts: dict[str, float]


@attrs.frozen
class Chat:
    """A load as fast as it goes, and one at half of that rate."""

    number: int
    way: str
    server: str
    full: Load
    half: Load


@attrs.frozen
class Results:
    memory: list[Memory]
    chats: list[Chat]


Start = Callable[[Path, list[Path], str, int], AbstractContextManager[Server]]

SERVERS: dict[str, Start] = {
    OURS: lambda folder, code, way, workers: with_workers(folder, code, workers, WAYS[way]),
    STOCK: lambda folder, code, way, workers: stock(folder, code, WAYS[way]),
}


def servers(users: int) -> list[str]:
    """Return those that can take so many users: stock ejabberd is one process with its files."""
    return [*SERVERS] if users <= swarm.PER_PROCESS else [OURS]


def memory(way: str, name: str, code: list[Path], few: int, many: int) -> Memory:
    with (
        TemporaryDirectory() as folder,
        SERVERS[name](Path(folder), code, way, swarm.processes(many)) as server,
        online(server.url, Path(folder)) as crowd,
    ):
        crowd.grow_to(few)
        first = server.taken()
        crowd.grow_to(many)
        last = server.taken()
    parts = {part: size / (many - few) for part, size in grown(first, last).items()}
    return Memory(way, name, many, parts)


def chat(number: int, way: str, name: str, code: list[Path], options: argparse.Namespace) -> Chat:
    users, seconds = options.clients, options.seconds
    with (
        TemporaryDirectory() as folder,
        SERVERS[name](Path(folder), code, way, 1) as server,
    ):
        full = talk(server, Path(folder), What.MESSAGE, users, seconds)
        half = talk(server, Path(folder), What.MESSAGE, users, seconds, full.per_second / 2)
    return Chat(number, way, name, full, half)


def memories(options: argparse.Namespace, code: list[Path]) -> Iterator[Memory]:
    many = options.users
    few = options.few or max(many // 10, 1)
    for way in options.ways:
        for name in servers(many):
            yield memory(way, name, code, few, many)


def tell_memory(found: Memory) -> str:
    return f"{NAMES[found.way]}, {found.server}: bytes a user: {listed(found.parts)}"


def tell_chat(found: Chat) -> str:
    return (
        f"{NAMES[found.way]}, {found.server}: {found.full.per_second:,.0f} messages/s"
        f" at {found.full.cpu_each:.0f} µs"
    )


def listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figure:,.0f}" for name, figure in figures.items())


def ratios(way: str, chats: list[Chat]) -> list[float]:
    """Return our CPU for a message divided by that of stock ejabberd, of each round."""
    ours, theirs = (
        [one.full.cpu_each for one in chats if (one.way, one.server) == (way, name)]
        for name in SERVERS
    )
    return [one / other for one, other in zip(ours, theirs, strict=True)]


MEMORY_COLUMNS: dict[str, Callable[[Memory], str]] = {
    "idle users": lambda row: NAMES[row.way],
    "server": lambda row: row.server,
    "users": lambda row: f"{row.users:,}",
    "bytes a user": lambda row: listed(row.parts),
    "in all": lambda row: f"{sum(row.parts.values()):,.0f}",
}

CHAT_COLUMNS: dict[str, Callable[[Chat], str]] = {
    "round": lambda row: str(row.number),
    "users who chat": lambda row: NAMES[row.way],
    "server": lambda row: row.server,
    "messages/s": lambda row: f"{row.full.per_second:,.0f}",
    "µs a message": lambda row: f"{row.full.cpu_each:.0f}",
    "of which": lambda row: listed(row.full.cpu),
    "p50, p99 at half, ms": lambda row: f"{row.half.p50:.1f}, {row.half.p99:.1f}",
    "CPU at full load": lambda row: f"{row.full.busy:.0f} %",
    "of the users": lambda row: f"{row.full.swarm:.0f} %",
    "errors": lambda row: troubles(row),
}


def troubles(row: Chat) -> str:
    found = [
        f"{times} × {kind}"
        for load in (row.full, row.half)
        for kind, times in load.troubles.items()
    ]
    return ", ".join(found) or "none"


def verdict(found: Results) -> str:
    ways = list(dict.fromkeys(row.way for row in found.memory))
    return "\n\n".join([*of_memory(found.memory), *(of_cpu(way, found.chats) for way in ways)])


def of_memory(found: list[Memory]) -> Iterator[str]:
    for row in found:
        if row.server != OURS:
            continue
        if row.users < ENOUGH:
            yield f"With fewer than {ENOUGH:,} users the figures of memory mean nothing."
            return
        for part, goal in (("ECM", ECM_BYTES[row.way]), ("ejabberd", EJABBERD_BYTES)):
            figure = row.parts[part]
            yield (
                f"{NAMES[row.way]}: {part} takes {figure:,.0f} bytes for a user who does nothing."
                f" {judged(figure, *goal, 'bytes')}"
            )


def of_cpu(way: str, chats: list[Chat]) -> str:
    found = ratios(way, chats)
    return (
        f"{NAMES[way]}: CPU of ECM and ejabberd for a message: {median(found):.3f} × that of stock"
        f" ejabberd alone (median of {len(found)} rounds, {min(found):.3f} to {max(found):.3f})."
        f" {judged(median(found), *CPU[way], '×')}"
    )


def plot(found: Results) -> Figure:
    """Draw the CPU of a message."""
    ways = list(dict.fromkeys(row.way for row in found.chats))
    figure = Figure(figsize=(9, 2.6 * len(ways)), layout="constrained")
    panels = figure.subplots(len(ways), squeeze=False)[:, 0]
    for axes, way in zip(panels, ways, strict=True):
        bars = [(label, cpu_of(way, name, found.chats)) for label, name in LABELS.items()]
        goal = round(CPU[way][0] * bars[1][1])
        chart.draw(axes, NAMES[way], "µs of CPU of the server's side for a message", bars, goal)
    return figure


LABELS = {"ECM and mod_ecm": OURS, "ejabberd alone": STOCK}


def cpu_of(way: str, name: str, chats: list[Chat]) -> float:
    return median(one.full.cpu_each for one in chats if (one.way, one.server) == (way, name))


def duration(options: argparse.Namespace) -> float:
    """Return about how many seconds all takes."""
    resting = (START + options.users * LOGIN) * len(servers(options.users))
    chatting = START + 2 * (options.clients * LOGIN + options.seconds + LEAVE)
    return float(len(options.ways) * (resting + options.rounds * len(SERVERS) * chatting))


def measure(run: Run) -> list[Results]:
    if not kernel_memory():
        raise ToolError("run it as root, as only root may see what sockets take")
    raise_open_files()
    options, code = run.options, run.code()
    announce(duration(options))
    resting = rounds(1, lambda number: memories(options, code), tell_memory)
    chats = rounds(
        options.rounds,
        lambda number: (
            chat(number, way, name, code, options) for way in options.ways for name in SERVERS
        ),
        tell_chat,
    )
    return [Results(resting, chats)]


def show(results: Sequence[Results]) -> Outcome:
    [found] = results
    tables = report.table(MEMORY_COLUMNS, found.memory), report.table(CHAT_COLUMNS, found.chats)
    return Outcome("\n\n".join(tables), verdict(found), plot(found))


def suffix(options: argparse.Namespace) -> str:
    return "" if len(options.ways) == len(NAMES) else f"-{'-'.join(options.ways)}"


def ways(text: str) -> list[str]:
    """Read ways with commas between. Raises ValueError for what is none."""
    found = text.split(",")
    if not {*found} <= {*WAYS} - {BOSH}:
        raise ValueError
    return found


CASE = Case(
    title=TITLE,
    row=Results,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("ways", [*NAMES], "in which they come, with commas between", ways),
        Option("users", 15_000, "who do nothing"),
        Option("few", None, "of them, from which on memory counts; else a tenth"),
        Option("clients", 2_000, "that chat"),
        Option("seconds", 10, "of each load"),
        Option("rounds", 3, "of the chat, with servers started anew"),
        EBIN,
    ),
    note="More users than a process may open files come to Megaphone only, with more workers.",
)
