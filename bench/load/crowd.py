"""Users of a node, in as many processes as they need."""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from bench.load.long_poll import ADDRESSES
from bench.node import Kind, Node
from testkit.servers.process import Process, python

# Connections of a process come from one address, and a process has 20,000 open files at most.
PER_PROCESS = 5_000

APART = 1_000_000  # between the numbers of the first users of two processes
TOLD_EVERY = 5  # seconds


class Crowd:
    """All of them."""

    def __init__(self, name: str, processes: list[Process]) -> None:
        self._name = name
        self._processes = processes
        self._there = 0

    def log_in(self, total: int) -> None:
        """Log in until there are so many, and tell how it goes on."""
        shares = self._shares(total)
        progress = Progress(self._name, self._there, total)
        for process, share in zip(self._processes, shares, strict=True):
            process.say(f"login {share}")
        for process, share in zip(self._processes, shares, strict=True):
            while (count := int(process.line())) < share:
                progress.tell(count * len(shares))
        self._there = total

    def _shares(self, total: int) -> list[int]:
        count = len(self._processes)
        return [(total + at) // count for at in range(count)]

    def await_messages(self) -> None:
        """Have each user wait for one message."""
        for process, share in zip(self._processes, self._shares(self._there), strict=True):
            process.say(f"receive {share}")
            process.number()

    def take_messages(self) -> None:
        """Return when each user has had its message."""
        for process, share in zip(self._processes, self._shares(self._there), strict=True):
            process.number(at_least=share)


@contextmanager
def crowd(kind: Kind, name: str, node: Node, most: int) -> Iterator[Crowd]:
    """As many processes as are needed for ``most`` users. All that use a link are one ECM."""
    count = 1 if kind is Kind.LINK else -(-most // PER_PROCESS)
    with ExitStack() as stack:
        yield Crowd(name, [stack.enter_context(users(kind, node, at)) for at in range(count)])


def users(kind: Kind, node: Node, at: int = 0) -> Process:
    """One process of users."""
    address = ADDRESSES[at % len(ADDRESSES)]
    return python("bench.load.node_users", kind.value, str(node.port), str(at * APART), address)


class Progress:
    """Lines on the terminal that tell how long something will take."""

    def __init__(self, name: str, start: int, total: int) -> None:
        self._name = name
        self._start = start
        self._total = total
        self._began = self._told = time.monotonic()

    def tell(self, count: int) -> None:
        now = time.monotonic()
        if now - self._told < TOLD_EVERY or count <= self._start:
            return
        self._told = now
        rate = (count - self._start) / (now - self._began)
        left = (self._total - count) / rate
        print(
            f"{self._name}: {count:,} of {self._total:,} users, {rate:,.0f} a second,"
            f" about {left:,.0f} s to go",
            file=sys.stderr,
        )
