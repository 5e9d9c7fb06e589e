"""What ECM's workers cost, and how connections spread.

Starts ECM with so many workers (10), waits until each has its link, connects 4,000 clients that say
nothing, and prints a line for each thing that was measured. Takes some seconds.
"""

import re
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

from testkit.servers.process import Process, free_port, python

CLIENTS = 4000


def memory(process: int) -> tuple[float, float]:
    """Return the megabytes that a process has alone, and with its part of what it shares (Pss)."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    kilobytes = {name: int(size) for name, size in re.findall(r"(\w+): +([0-9]+) kB", text)}
    alone = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
    return alone / 1024, kilobytes["Pss"] / 1024


def open_files(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def extremes(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f}, on average {mean(values):.1f}"


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            raise RuntimeError("ECM does not start")
        time.sleep(0.02)


def connect(port: int, stack: ExitStack) -> None:
    for _ in range(CLIENTS):
        stack.enter_context(socket.create_connection(("127.0.0.1", port)))


def measure(workers: int, folder: Path, behind: int, stack: ExitStack) -> None:
    """Start ECM, measure, print."""
    port, log = free_port(), folder / "ecm.log"
    endpoints = (
        "--listen",
        f"tcp:{port}:interface=127.0.0.1",
        "--upstream",
        f"tcp:127.0.0.1:{behind}",
    )
    twistd = (Path(sys.executable).parent / "twistd", "-n", "--pidfile=", "ecm")
    began = time.monotonic()
    ecm = stack.enter_context(Process(*twistd, "--workers", str(workers), *endpoints, log=log))
    wait_until(lambda: log.exists() and log.read_text().count("link up") == workers)
    print(f"all {workers} workers have their links after {time.monotonic() - began:.1f} s")
    supervisor, nursery, *_ = ecm.pids
    processes = [int(each) for each in re.findall("as process ([0-9]+)", log.read_text())]
    figures = [memory(each) for each in processes]
    print(f"each worker alone, MB: {extremes([alone for alone, _ in figures])}")
    print(f"each worker, Pss, MB: {extremes([pss for _, pss in figures])}")
    print(f"supervisor alone, MB: {memory(supervisor)[0]:.1f}; nursery: {memory(nursery)[0]:.1f}")
    files, cpu = [open_files(each) for each in processes], ecm.cpu_seconds()
    connect(port, stack)
    time.sleep(1)
    spread = [open_files(each) - had for each, had in zip(processes, files, strict=True)]
    print(f"connections of each worker: {extremes([float(each) for each in spread])}")
    each = (ecm.cpu_seconds() - cpu) / CLIENTS * 1e6
    print(f"CPU of the supervisor for each connection, µs: {each:.0f}")


def main() -> None:
    workers = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        behind = stack.enter_context(python("testkit.servers.link_echo")).number()
        measure(workers, folder, behind, stack)


if __name__ == "__main__":
    main()
