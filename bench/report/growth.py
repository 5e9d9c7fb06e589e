"""``python -m bench.report.growth``: the figures of the growth model, from what is in
``bench/results/``, as ecm/tools/doctor/measured.py. A test says when that is not up to date.

What the server's side takes is fixed costs, and some for each process, worker, connection and user
(ecm/tools/doctor/costs.py). Where several results have the same figure, the one with the most users
counts: the first users live in what processes have left from their start.

The CPU of polls is not so simple: a process that wakes up finds the more of them, the more come.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from typing import Any

import attrs
import numpy as np

from bench.load.ramp import WAIT
from bench.load.swarm import processes
from bench.report import report
from bench.servers import MEGAPHONE
from ecm.tools.doctor import costs
from ecm.tools.doctor.plan import Deployment, Sessions, Tls, Transport
from testkit.paths import CHECKOUT

FILE = CHECKOUT / "ecm" / "tools" / "doctor" / "measured.py"

# ECM's supervisor with the fork server: `make bench CASE=workers`.
SUPERVISOR = 37_000_000

# Bytes of ejabberd for a user, of 8,000 who came to one node: decision 0293.
SEEN = {
    (Sessions.MNESIA, Transport.BOSH): 3_477,
    (Sessions.ECM, Transport.BOSH): 2_236,
    (Sessions.MNESIA, Transport.WEBSOCKET): 3_079,
    (Sessions.ECM, Transport.WEBSOCKET): 1_732,
}
SEEN_USERS = 8_000

WAYS = {
    "bosh": (Transport.BOSH, Tls.NONE),
    "websocket": (Transport.WEBSOCKET, Tls.NONE),
    "websocket-tls": (Transport.WEBSOCKET, Tls.LEAN),
    "tls": (Transport.TCP, Tls.LEAN),
}


@attrs.frozen
class Point:
    """Users who rest: how they came, bytes of each part for each of them beyond the first ``few``,
    and the cores that their polls keep busy, if they poll every ``wait`` seconds. ``on`` is what
    CPU depends on: cores, Python, and the table of sessions."""

    source: str
    on: tuple[str, ...]
    deployment: Deployment
    few: int
    parts: dict[str, float]
    cpu: dict[str, float] | None = None
    wait: float = WAIT

    @property
    def rate(self) -> float:
        return self.deployment.users / self.wait


def _results(name: str) -> Iterator[tuple[str, Mapping[str, str], list[Any]]]:
    """Give all results of a case that are there."""
    for file in sorted(report.RESULTS.glob(f"{name}*.json")):
        data = json.loads(file.read_text())
        yield file.name, data["machine"], data["results"]


def sessions(machine: Mapping[str, str]) -> Sessions:
    own = "ecm" in machine.get("sessions with mod_ecm", "")
    return Sessions.ECM if own else Sessions.MNESIA


def ground(machine: Mapping[str, str]) -> tuple[str, ...]:
    return machine["CPU"], machine["Python"], sessions(machine)


def deployment(users: int, workers: int, way: str, machine: Mapping[str, str]) -> Deployment:
    transport, tls = WAYS[way]
    return Deployment(users, users, workers, transport, tls, sessions(machine))


def points() -> Iterator[Point]:
    """Give each measurement of users who rest on all of the server's side."""
    for name, machine, steps in _results("scaling"):
        workers, few = processes(steps[-1]["users"]), max(steps[0]["users"] // 10, 1)
        for step in steps:
            users, cpu = step["users"], step["cpu"]
            cores = {part: each * step["users"] / 1e6 for part, each in cpu.items()}
            one = deployment(users, workers, "bosh", machine)
            yield Point(name, ground(machine), one, few, step["memory"], cores)
    for name, machine, [result] in _results("million"):
        yield _million(name, machine, result)
    for name, machine, [result] in _results("streams"):
        for row in result["memory"]:
            if row["server"] == "Megaphone":
                users = row["users"]
                few = users // 10 if machine["few"] == "None" else int(machine["few"])
                one = deployment(users, processes(users), row["way"], machine)
                yield Point(name, ground(machine), one, few, row["parts"])


def _million(name: str, machine: Mapping[str, str], result: dict[str, Any]) -> Point:
    rest = [sample for sample in result["samples"] if sample["phase"] == "rest"]
    first, last, users = rest[0], rest[-1], rest[-1]["online"]
    seconds = last["seconds"] - first["seconds"]
    start, end = result["start"], last["parts"]
    parts = {
        "ECM": (end["ecm"] - start["ecm"]) / users,
        "ejabberd": (end["ejabberd"] - start["ejabberd"]) / users,
        "sockets": end["sockets"] / users,
    }
    cpu = {
        "ECM": (last["ecm_cpu"] - first["ecm_cpu"]) / seconds,
        "ejabberd": (last["ejabberd_cpu"] - first["ejabberd_cpu"]) / seconds,
    }
    one = deployment(users, result["workers"], result["transport"], machine)
    return Point(name, ground(machine), one, 0, parts, cpu, float(machine["wait"]))


def predicted(point: Point) -> float:
    """Return what the model says of all memory: what is there without users, and the users."""
    return costs.memory(point.deployment).total


def measured(point: Point) -> float:
    """Return the growth that was measured, and of what was there before what the model says."""
    before = attrs.evolve(point.deployment, users=point.few, connections=point.few)
    growth = sum(point.parts.values()) * (point.deployment.users - point.few)
    return costs.memory(before).total + growth


def predicted_cores(point: Point) -> float:
    return costs.busy(point.deployment, point.wait)


def measured_cores(point: Point) -> float:
    assert point.cpu is not None
    return sum(point.cpu.values())


def polling() -> list[Point]:
    """Return those whose users poll: who rest, and who poll as fast as they can. CPU of one machine
    says nothing of that of another, so they are all of one ground, on which there are most."""
    resting = [
        point for point in points() if point.cpu and point.deployment.transport is Transport.BOSH
    ]
    return of_one_ground([*resting, *_as_fast_as_they_can()])


def of_one_ground(found: list[Point]) -> list[Point]:
    most, _ = Counter(point.on for point in found).most_common(1)[0]
    return [point for point in found if point.on == most]


def _as_fast_as_they_can() -> Iterator[Point]:
    for name, machine, [result] in _results("end_to_end"):
        if result.get("transport", "bosh") == "bosh":
            loads = [one["polls"] for one in result["rounds"] if one["name"] == MEGAPHONE]
            rate = median(load["per_second"] for load in loads)
            cpu = {
                part: median(load["cpu"][part] for load in loads) * rate / 1e6
                for part in loads[0]["cpu"]
            }
            users = loads[0]["users"]
            one = deployment(users, 1, "bosh", machine)
            yield Point(name, ground(machine), one, 0, {}, cpu, users / rate)


def _largest(part: str, which: Callable[[Deployment], bool]) -> int | None:
    found = [point for point in points() if which(point.deployment)]
    if not found:
        return None
    return round(max(found, key=lambda point: point.deployment.users).parts[part])


def ejabberd_per_user(table: Sessions, transport: Transport) -> int:
    """Return that of the most users; where nobody came so, what the table makes of it over
    WebSocket."""
    found = [
        (point.deployment.users, round(point.parts["ejabberd"]))
        for point in points()
        if (point.deployment.sessions, point.deployment.transport) == (table, transport)
    ]
    if (table, transport) in SEEN:
        found.append((SEEN_USERS, SEEN[table, transport]))
    if found:
        return max(found)[1]
    table_costs = SEEN[table, Transport.WEBSOCKET] - SEEN[Sessions.ECM, Transport.WEBSOCKET]
    return ejabberd_per_user(Sessions.ECM, transport) + table_costs


def ecm_per_connection(transport: Transport) -> int:
    """Return that without TLS. A stream over TCP is not measured so: it takes what a WebSocket
    takes."""
    way = Transport.BOSH if transport is Transport.BOSH else Transport.WEBSOCKET
    found = _largest("ECM", lambda one: one.transport is way and one.tls is Tls.NONE)
    assert found is not None, "there is no result of it"
    return found


def ecm_for_tls(tls: Tls) -> int:
    if tls is Tls.NONE:
        return 0
    if tls is Tls.OPENSSL:
        [held] = [results for name, _, results in _results("memory")]
        each = {row["name"]: row["rss"] for row in held}
        return round(float(each["ECM, TLS"] - each["ECM"]))
    lean = _largest("ECM", lambda one: one.tls is Tls.LEAN)
    assert lean is not None, "there is no result of it"
    return lean - ecm_per_connection(Transport.WEBSOCKET)


@attrs.frozen
class Start:
    """Bytes without users: ECM as one process, each worker, and a node of ejabberd."""

    one_process: int
    worker: int
    ejabberd: int


def start() -> Start:
    [held] = [results for name, _, results in _results("memory")]
    ours = next(row for row in held if row["name"] == "ECM")
    results = [result for _, _, [result] in _results("million")]
    most = max(results, key=lambda result: result["users"])
    return Start(
        one_process=_rounded(ours["start"] - FEW_HELD * ours["rss"]),
        worker=_rounded((most["start"]["ecm"] - SUPERVISOR) / most["workers"]),
        ejabberd=_rounded(most["start"]["ejabberd"]),
    )


FEW_HELD = 2_000  # requests that were held when CASE=memory looked at the start


def _rounded(figure: float) -> int:
    return round(figure / 100_000) * 100_000


def fitted(found: list[tuple[float, int, int, float]]) -> costs.Polls:
    """Return the costs of polls that are nearest to what was measured: rates, processes that share
    them, users, and the cores that were busy. The largest error, as a share, is the least."""
    rates, shares, users, cores = np.array(found, dtype=float).T
    best: tuple[float, costs.Polls] | None = None
    for together in np.geomspace(1e-4, 3e-2, 120):
        columns = [shares, users, rates, rates / (1 + rates * together / shares)]
        for used in (used for n in (4, 3, 2, 1) for used in itertools.combinations(range(4), n)):
            matrix = np.stack([columns[each] / cores for each in used], axis=1)
            solved = _least_worst(matrix)
            if solved.min() < 0:
                continue
            worst = float(np.abs(matrix @ solved - 1).max())
            if best is None or worst < best[0]:
                found_here = dict(zip(used, map(float, solved), strict=True))
                background, user, each, waking = (found_here.get(at, 0.0) for at in range(4))
                best = worst, costs.Polls(background, user, each, waking, float(together))
    assert best is not None
    return best[1]


def _least_worst(matrix: Any) -> Any:
    """Solve matrix @ x = 1 so that the largest error is small: those with large errors weigh more
    each time."""
    weights = np.ones(len(matrix))
    for _ in range(40):
        root = np.sqrt(weights)
        solved, *_ = np.linalg.lstsq(matrix * root[:, None], root, rcond=None)
        weights *= np.abs(matrix @ solved - 1) + 1e-9
        weights /= weights.sum()
    return solved


def polls(part: str) -> costs.Polls:
    """The workers of ECM share the polls, and so do the processes of their links in ejabberd."""
    return fitted(
        [
            (point.rate, point.deployment.workers, point.deployment.users, point.cpu[part])
            for point in polling()
            if point.cpu
        ]
    )


def stream_cpu() -> float:
    """Return µs a second for a user of WebSocket who is pinged; 0 where that was not measured."""
    found = [
        measured_cores(point) / point.deployment.users * 1e6
        for point in points()
        if point.cpu and point.deployment.transport is not Transport.BOSH
    ]
    return max(found, default=0.0)


def text() -> str:
    """Return the module that has all of them."""
    sockets = _largest("sockets", lambda one: True)
    fixed = start()
    lines = [
        '"""Figures of the growth model, made by `make bench-readme` from bench/results."""',
        "",
        "from typing import Final",
        "",
        "from ecm.tools.doctor.plan import Sessions, Tls, Transport",
        "",
        "# Bytes: our end of a connection in the kernel; ECM without clients, as one process,",
        "# or for each worker beside the supervisor; a node of ejabberd without users.",
        f"KERNEL_PER_CONNECTION: Final = {sockets:_}",
        f"ONE_PROCESS: Final = {fixed.one_process:_}",
        f"WORKER: Final = {fixed.worker:_}",
        f"SUPERVISOR: Final = {SUPERVISOR:_}",
        f"EJABBERD: Final = {fixed.ejabberd:_}",
        "",
        "# Bytes of ECM for a connection, and what TLS adds.",
        *_table("ECM_PER_CONNECTION", Transport, ecm_per_connection),
        *_table("ECM_FOR_TLS", Tls, ecm_for_tls),
        "",
        "# Bytes of ejabberd for a user, by its table of sessions.",
        "EJABBERD_PER_USER: Final = {",
    ]
    for table in Sessions:
        for transport in Transport:
            each = ejabberd_per_user(table, transport)
            key = f"Sessions.{table.name}, Transport.{transport.name}"
            lines.append(f"    ({key}): {each:_},")
    lines += [
        "}",
        "",
        "# Seconds of CPU for polls, as costs.Polls has them; µs a second for a quiet stream.",
        f"ECM_POLLS: Final = {_digits(polls('ECM'))}",
        f"EJABBERD_POLLS: Final = {_digits(polls('ejabberd'))}",
        f"STREAM_CPU: Final = {stream_cpu():.3g}",
    ]
    return "\n".join(lines) + "\n"


def _table(name: str, keys: Any, figure: Callable[[Any], int]) -> Iterator[str]:
    yield f"{name}: Final = {{"
    for key in keys:
        yield f"    {type(key).__name__}.{key.name}: {figure(key):_},"
    yield "}"


def _digits(found: costs.Polls) -> str:
    return f"({', '.join(format(each, '.4g') for each in attrs.astuple(found))})"


if __name__ == "__main__":
    FILE.write_text(text())
