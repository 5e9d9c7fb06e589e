"""All that runs in the lab beside the users: ejabberd, the network, ECM."""

import ctypes
import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import attrs

from bench.faults.back import Ejabberd, EjabberdSetup
from bench.faults.front import Ecm, EcmSetup
from ecm.tools.ports import free_port
from testkit.servers.process import Process, python

_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)
_SWEEP = 10.0  # seconds for all processes to be gone


class Network:
    """The proxy between ECM and ejabberd (proxy.py)."""

    def __init__(self, upstream: int) -> None:
        self.port = free_port()
        self.process: Process = python("bench.faults.proxy", str(self.port), str(upstream))

    def start(self) -> None:
        self.process.start()
        self.process.line()

    def do(self, command: str) -> None:
        """Have it do something. Raises ProcessFailed where it has ended."""
        self.process.say(command)
        self.process.line()


@attrs.frozen
class Setup:
    """The parts that a fault needs."""

    ecm: EcmSetup = EcmSetup()
    ejabberd: EjabberdSetup = EjabberdSetup()


@attrs.frozen
class Stack:
    """One that runs."""

    ejabberd: Ejabberd
    network: Network
    ecm: Ecm


@contextmanager
def started(folder: Path, code: Sequence[Path], setup: Setup) -> Iterator[Stack]:
    """Start it in a folder; ``code`` is that of bench.node.compiled. Nothing of it is left.

    Raises ToolError.
    """
    with ExitStack() as stack:
        stack.callback(sweep)
        home = folder / "ejabberd"
        home.mkdir()
        ejabberd = Ejabberd(home, code, setup.ejabberd)
        network = Network(ejabberd.port)
        ecm = Ecm(folder, [network.port], setup.ecm)
        stack.callback(ejabberd.process.kill)
        ejabberd.start()
        stack.callback(network.process.stop)
        network.start()
        stack.callback(ecm.close)
        ecm.start()
        yield Stack(ejabberd, network, ecm)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose parents die (prctl(2))."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def sweep() -> None:
    """Kill whatever is left of the children of this process, and theirs."""
    deadline = time.monotonic() + _SWEEP
    while (left := _children()) and time.monotonic() < deadline:
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(pid, 0)


def _children() -> list[int]:
    pid = os.getpid()
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
