"""A million users online at once, on one machine.

ejabberd with mod_ecm, ECM with workers, and ecm-swarm, which brings the users: each has logged in
(SASL PLAIN, a resource, presence), and holds one request on a TCP connection of its own, or with
another transport a stream. They rest for as long as one poll of each takes (``wait``), or one ping
of a WebSocket, then 10,000 messages go from random users to random users, and then everybody
leaves. What is written down is the ledger: where the memory of
the server's side goes, over time and for each user; and what ecm-swarm has seen (docs/swarm.md).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
from matplotlib.figure import Figure

from bench.frame import EBIN, Case, Option, Outcome, Run
from bench.load import swarm
from bench.measure import memory_breakdown
from bench.measure.memory import kernel_memory
from bench.measure.memory_breakdown import Parts
from bench.report import chart, goal, report
from bench.servers import BOSH, WAYS, Stack, megaphone
from ecm.kernel import raise_open_files
from ecm.limits import PING_AFTER, PONG_TIMEOUT
from ecm.tools.errors import ToolError
from testkit.servers.process import Process

# Bytes of the server's side for a million users, at any time: the goals, and the next one.
# With TLS it is that of WebSocket, and the 700 bytes more for each that ECM may take.
GOALS = {BOSH: 10e9, "websocket": 8.6e9, "websocket-tls": 9.3e9, "tls": 9.3e9}
NEXT_GOAL = 8e9

MILLION = 1_000_000

# Seconds for which a request is held. The shorter it is, the more of the two cores do nothing but
# answer polls while others log in.
WAIT = 900
POLLS = 30  # seconds in which the last ones poll that have logged in
PINGS = PING_AFTER + PONG_TIMEOUT  # the same for those of a WebSocket

TITLE = "Users online at once"


@attrs.frozen
class Sample:
    """After so many ``seconds``: who is online, what is taken, and the seconds of CPU that both
    have had."""

    seconds: float
    phase: str
    online: int
    parts: Parts
    ecm_cpu: float
    ejabberd_cpu: float


@attrs.frozen
class Result:
    """``start`` is what was there without users; of sockets, and of what the machine has in use,
    it is in none of the samples. ``within`` is of erlang:memory/0, in bytes, when all rested.
    ``told`` is what ecm-swarm has written, without its series."""

    users: int
    workers: int
    start: Parts
    samples: list[Sample]
    within: dict[str, int]
    told: dict[str, Any]
    transport: str = BOSH  # the first results were of no other

    @property
    def full(self) -> Sample:
        """The last one at which all rested."""
        resting = [sample for sample in self.samples if sample.phase == "rest"]
        return max(resting or self.samples, key=lambda sample: (sample.online, sample.seconds))

    @property
    def peak(self) -> Sample:
        return max(self.samples, key=lambda sample: sample.parts.server)


def result(options: argparse.Namespace, code: list[Path], folder: Path) -> Result:
    workers = swarm.processes(options.users)
    output = folder / "swarm"
    with megaphone(folder, code, workers, WAYS[options.transport]) as stack:
        start = memory_breakdown.parts(stack.ecm, stack.node.process, None)
        with swarm.start(stack.url, output, options.users, *course(options, stack.url)) as users:
            samples, within = watch(stack, users, start)
        told = swarm.result(output)
    told.pop("series")
    return Result(options.users, workers, start, samples, within, told, options.transport)


def course(options: argparse.Namespace, url: str) -> list[str]:
    told = {
        "--rate": "max",
        "--at-once": options.at_once,
        "--rest": rest(options),
        "--messages": options.messages,
        "--message-rate": options.message_rate,
    }
    words = [str(word) for option in told.items() for word in option]
    return [*words, *swarm.of_bosh(url, "--wait", str(options.wait))]


def rest(options: argparse.Namespace) -> int:
    """Return the seconds in which nobody says anything."""
    if options.rest is not None:
        seconds: int = options.rest
        return seconds
    return int(options.wait + POLLS if options.transport == BOSH else PINGS)


def watch(stack: Stack, users: Process, start: Parts) -> tuple[list[Sample], dict[str, int]]:
    """Look at everything whenever the swarm prints a line, until it ends."""
    begin = time.monotonic()
    samples: list[Sample] = []
    within: dict[str, int] = {}
    for line in users.lines():
        print(line, file=sys.stderr, flush=True)
        if not (found := swarm.state(line)):
            continue
        samples.append(sample(time.monotonic() - begin, *found, stack, users, start))
        if found[0] == "rest":
            within = stack.node.ask("memory")["memory"]
    return samples, within


def sample(
    seconds: float, phase: str, online: int, stack: Stack, users: Process, start: Parts
) -> Sample:
    now = memory_breakdown.parts(stack.ecm, stack.node.process, users)
    return Sample(
        seconds=round(seconds, 1),
        phase=phase,
        online=online,
        parts=attrs.evolve(now, sockets=now.sockets - start.sockets, used=now.used - start.used),
        ecm_cpu=stack.ecm.cpu_seconds(children=True),
        ejabberd_cpu=stack.node.process.cpu_seconds(children=True),
    )


@attrs.frozen
class Row:
    """A part of the ledger, in bytes: before any user, when all rested, and at its most."""

    name: str
    start: float
    full: float
    most: float
    each: float


COLUMNS: dict[str, Callable[[Row], str]] = {
    "part": lambda row: row.name,
    "without users, MB": lambda row: f"{row.start / 1e6:,.0f}",
    "all rest, MB": lambda row: f"{row.full / 1e6:,.0f}",
    "most, MB": lambda row: f"{row.most / 1e6:,.0f}",
    "bytes for each user": lambda row: f"{row.each:,.0f}",
}

PARTS: dict[str, Callable[[Parts], float]] = {
    "sockets of the server's side, in the kernel": lambda parts: parts.sockets,
    "ECM": lambda parts: parts.ecm,
    "ejabberd": lambda parts: parts.ejabberd,
    "**the server's side**": lambda parts: parts.server,
    "ecm-swarm, apart": lambda parts: parts.swarm,
    "the whole machine, users' sockets included": lambda parts: parts.used,
}


def rows(result: Result) -> list[Row]:
    """Return the ledger."""
    start = attrs.evolve(result.start, sockets=0, used=0)
    full = result.full
    return [
        Row(
            name=name,
            start=size(start),
            full=size(full.parts),
            most=max(size(sample.parts) for sample in result.samples),
            each=(size(full.parts) - size(start)) / max(full.online, 1),
        )
        for name, size in PARTS.items()
    ]


def text(result: Result) -> str:
    return (
        f"{report.table(COLUMNS, rows(result))}\n\n"
        f"Of ejabberd's, bytes for each user: {', '.join(inside(result))}.\n\n"
        f"{course_of(result)}"
    )


def inside(result: Result) -> Iterator[str]:
    """Name what erlang:memory() tells apart, and what else is resident."""
    rest = result.full.parts.ejabberd
    for name, part in {"processes": "processes", "binary": "binaries", "ets": "tables"}.items():
        rest -= result.within[name]
        yield f"{part} {result.within[name] / result.users:,.0f}"
    yield f"allocators and all else {rest / result.users:,.0f}"


def course_of(result: Result) -> str:
    """Tell what ecm-swarm has seen."""
    told, seconds = result.told, result.told["seconds"]
    users, messages = told["users"], told["messages"]
    rate = users["logins"] / max(seconds["log in"], 1)
    last = result.samples[-1]
    errors = ", ".join(f"{times} × {kind}" for kind, times in told["errors"].items()) or "none"
    took = told["milliseconds"].get("message", {})
    latency = ", ".join(f"{name} {ms:,.0f} ms" for name, ms in took.items() if ms is not None)
    return (
        f"* {users['logins']:,} of {result.users:,} logged in, {rate:,.0f} a second; at most"
        f" {users['most online']:,} were online; {users['sessions lost']:,} sessions were lost,"
        f" {users['left']:,} left in the end. ECM had {result.workers} workers.\n"
        f"* {messages['sent']:,} messages were sent, {messages['arrived']:,} arrived,"
        f" {messages['twice']:,} twice, {messages['lost']:,} were lost;"
        f" from sending to the receiver: {latency or 'not known'}.\n"
        f"* {rest_of(result)}\n"
        f"* Errors that were mended by trying again, or not: {errors}.\n"
        f"* Seconds: {', '.join(f'{phase} {took:,.0f}' for phase, took in seconds.items())}."
        f" CPU in all: ECM {last.ecm_cpu:,.0f} s, ejabberd {last.ejabberd_cpu:,.0f} s, ecm-swarm"
        f" {told['own']['CPU seconds']:,.0f} s."
    )


def rest_of(result: Result) -> str:
    """Tell the CPU of the server's side while all rested: that of their polls, or pings."""
    resting = [sample for sample in result.samples if sample.phase == "rest"] or [result.full]
    first, last = resting[0], resting[-1]
    seconds = max(last.seconds - first.seconds, 1)
    ecm = (last.ecm_cpu - first.ecm_cpu) / seconds
    ejabberd = (last.ejabberd_cpu - first.ejabberd_cpu) / seconds
    return f"While all rested, ECM had {ecm:.2f} of a core, and ejabberd {ejabberd:.2f}."


def verdict(result: Result) -> str:
    most, rests = result.peak.parts.server, result.full.parts.server
    share = result.users / MILLION
    judged = goal.judged(
        most / 1e9, GOALS[result.transport] * share / 1e9, NEXT_GOAL * share / 1e9, "GB"
    )
    lost = result.told["users"]["sessions lost"]
    return (
        f"The server's side of {result.users:,} users takes {rests / 1e9:.2f} GB while they rest,"
        f" and {most / 1e9:.2f} GB at most. {judged} {lost:,} sessions were lost."
    )


def plot(result: Result) -> Figure:
    """Draw the parts over time, one on the other, and who is online."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.add_subplot()
    minutes = [sample.seconds / 60 for sample in result.samples]
    names = ["sockets", "ecm", "ejabberd"]
    sizes = [[getattr(each.parts, name) / 1e9 for each in result.samples] for name in names]
    labels = ["sockets in the kernel", "ECM", "ejabberd"]
    axes.stackplot(minutes, sizes, labels=labels, colors=["#a9b4be", "#5aa9a4", chart.OURS])
    limit = GOALS[result.transport] * result.users / MILLION / 1e9
    axes.axhline(limit, color=chart.LIMIT, linestyle="--", linewidth=1, label="goal")
    axes.set(xlabel="minutes", ylabel="GB on the server's side", ylim=(0, limit * 1.1))
    users = axes.twinx()
    online = [sample.online / 1e6 for sample in result.samples]
    users.plot(minutes, online, color=chart.TEXT, label="online")
    users.set(ylabel="million users online", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=5, frameon=False)
    return figure


def measure(run: Run) -> list[Result]:
    if not kernel_memory():
        raise ToolError("run it as root, as only root may see what sockets take")
    raise_open_files()
    return [result(run.options, run.code(), run.folder)]


def show(results: Sequence[Result]) -> Outcome:
    [found] = results
    return Outcome(text(found), verdict(found), plot(found), good=found.told["ok"])


def suffix(options: argparse.Namespace) -> str:
    """Return what tells the files of a run from those of the usual one."""
    transport = "" if options.transport == BOSH else f"-{options.transport}"
    return transport + ("" if options.users == MILLION else f"-{options.users}")


def transport(text: str) -> str:
    """Read one of WAYS. Raises ValueError for what is none."""
    if text not in WAYS:
        raise ValueError
    return text


CASE = Case(
    title=TITLE,
    row=Result,
    measure=measure,
    show=show,
    suffix=suffix,
    options=(
        Option("users", MILLION, "in all"),
        Option("transport", BOSH, f"of them: {', '.join(WAYS)}", transport),
        Option("at-once", 4, "logins of a process"),
        Option("wait", WAIT, "seconds of a poll of BOSH"),
        Option("rest", None, "seconds; else all poll once, at least, or are pinged"),
        Option("messages", 10_000, "after the rest"),
        Option("message-rate", 100, "of these a second"),
        EBIN,
    ),
    note="For a million it takes nearly two hours on two cores, 24 GiB of memory, 20,000 open files"
    " for each process, and a machine that does nothing else; ecm-doctor --users N tells what"
    " lacks.",
)
