"""All that runs in the lab beside the users: ejabberd, the network, ECM."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

import attrs

from bench.faults.back import Ejabberd, EjabberdSetup, Place
from bench.faults.front import Ecm, EcmSetup
from ecm.tools.ports import free_port
from testkit.servers.process import Process, Running, python

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


# Starts a reverse proxy with files in a folder in front of a port.
StartProxy = Callable[[Path, int], AbstractContextManager[Running]]


@attrs.frozen
class Setup:
    """The parts that a fault needs. With several ``nodes`` there is a cluster, and no network
    between. With a ``proxy``, users come to ECM through that."""

    ecm: EcmSetup = EcmSetup()
    ejabberd: EjabberdSetup = EjabberdSetup()
    nodes: int = 1
    proxy: StartProxy | None = None


@attrs.frozen
class Stack:
    """One that runs. Users come to ``port``."""

    nodes: Sequence[Ejabberd]
    network: Network
    ecm: Ecm
    port: int
    proxy: Process | None = None

    @property
    def ejabberd(self) -> Ejabberd:
        return self.nodes[0]


@contextmanager
def started(folder: Path, code: Sequence[Path], setup: Setup) -> Iterator[Stack]:
    """Start it in a folder; ``code`` is that of bench.node.compiled. Raises ToolError."""
    with ExitStack() as stack:
        nodes = _cluster(folder, code, setup)
        network = Network(nodes[0].port)
        upstreams = [network.port] if setup.nodes == 1 else [node.port for node in nodes]
        ecm = Ecm(folder, upstreams, setup.ecm)
        for number, node in enumerate(nodes):
            stack.callback(node.close)
            node.start()
            if number:
                node.control("join_cluster", nodes[0].name)
        stack.callback(network.process.stop)
        network.start()
        stack.callback(ecm.close)
        ecm.start()
        if setup.proxy is None:
            yield Stack(nodes, network, ecm, ecm.port)
        else:
            proxy, port = stack.enter_context(setup.proxy(folder, ecm.port))
            yield Stack(nodes, network, ecm, port, proxy)


def _cluster(folder: Path, code: Sequence[Path], setup: Setup) -> list[Ejabberd]:
    """Write the nodes, each at an address of its own: there is no epmd to tell their ports."""
    first = Place()
    places = [
        attrs.evolve(first, name=f"lab@127.0.0.{number}") for number in range(1, setup.nodes + 1)
    ]
    return [Ejabberd(folder / place.name, code, setup.ejabberd, place) for place in places]


def adopt_orphans() -> None:
    """Become the parent of all descendants whose parents die (prctl(2)), so that ``sweep`` finds
    them."""
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
