"""Latency of a chat beside 5,000 slow clients.

One client asks ECM 50 times a second and waits for each answer, which comes back over the link: for
some seconds alone, then beside clients that send a request head at one byte a second. ECM ends
these with 408 after its ``--header-timeout``, and they connect again. They all began in the same
moment, and go on like that: it is the worst that they can do.
"""

import socket
import time
from collections.abc import Sequence

import attrs

from bench.frame import Case, Outcome, Run
from bench.load.request import END, REQUEST
from bench.report import report
from testkit.servers.megaphone import ecm
from testkit.servers.process import Process, python

SLOW_CLIENTS = 5_000
PER_SECOND = 50
SECONDS = 30

TITLE = "A chat beside slow clients"


@attrs.frozen
class Figures:
    """Latencies in milliseconds, ECM's CPU in percent of a core."""

    beside: str
    answers: int
    p50: float
    p99: float
    worst: float
    cpu: float
    ended: int


COLUMNS = {
    "beside": lambda figures: figures.beside,
    "answers": lambda figures: f"{figures.answers:,}",
    "p50, ms": lambda figures: f"{figures.p50:.1f}",
    "p99, ms": lambda figures: f"{figures.p99:.1f}",
    "worst, ms": lambda figures: f"{figures.worst:.1f}",
    "CPU of ECM": lambda figures: f"{figures.cpu:.0f} %",
    "slow ones ended": lambda figures: f"{figures.ended:,}",
}


def exchange(client: socket.socket) -> float:
    """Ask, wait for the answer, and return the milliseconds that it took."""
    start = time.perf_counter()
    client.sendall(REQUEST)
    received = b""
    while not received.endswith(END):
        more = client.recv(65_536)
        assert more, f"ECM has closed the connection of the chat: {received!r}"
        received += more
    assert received.startswith(b"HTTP/1.1 200 "), received
    return (time.perf_counter() - start) * 1000


def chat(port: int) -> list[float]:
    """Return the latencies of a chat of SECONDS, sorted."""
    latencies = []
    with socket.create_connection(("127.0.0.1", port)) as client:
        begin = time.monotonic()
        for number in range(SECONDS * PER_SECOND):
            time.sleep(max(0, begin + number / PER_SECOND - time.monotonic()))
            latencies.append(exchange(client))
    return sorted(latencies)


def measure_chat(front_end: Process, port: int, beside: str) -> Figures:
    wall, cpu = time.monotonic(), front_end.cpu_seconds()
    latencies = chat(port)
    used = (front_end.cpu_seconds() - cpu) / (time.monotonic() - wall)
    last = len(latencies) - 1
    return Figures(
        beside=beside,
        answers=len(latencies),
        p50=latencies[last // 2],
        p99=latencies[last * 99 // 100],
        worst=latencies[-1],
        cpu=used * 100,
        ended=0,
    )


def measure_beside_slow_clients(front_end: Process, port: int) -> Figures:
    with python("bench.load.slow", str(port), str(SLOW_CLIENTS)) as slow:
        before = slow.number(at_least=1)  # so all are connected, and the first have been ended
        figures = measure_chat(front_end, port, f"{SLOW_CLIENTS:,} slow clients")
        *_, after = [slow.number() for _ in range(SECONDS)]  # it prints one a second
        return attrs.evolve(figures, ended=after - before)


def measure(run: Run) -> list[Figures]:
    with (
        python("testkit.servers.link_echo") as echo,
        ecm(run.folder, echo.number()) as (front_end, port),
    ):
        return [
            measure_chat(front_end, port, "nobody"),
            measure_beside_slow_clients(front_end, port),
        ]


def show(rows: Sequence[Figures]) -> Outcome:
    return Outcome(report.table(COLUMNS, rows), "Each request of the chat was answered.")


CASE = Case(title=TITLE, row=Figures, measure=measure, show=show)
