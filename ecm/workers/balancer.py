"""The load balancer: which worker gets a connection."""

from collections.abc import Iterator
from random import Random
from typing import Protocol

from ecm.limits import BURST, BURST_PART


class Backend(Protocol):
    """A worker that serves, as the balancer sees it.

    ``load`` is its number of connections, ``capacity`` its limit for them; ``idle`` is how many
    would make way for new ones, if it is full.
    """

    load: int
    capacity: int
    idle: int

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Give it a connection, a file descriptor. Return False if it takes none at the moment."""


class Balancer:
    """Assigns connections to the less loaded of two workers that are drawn at random.

    It gets a burst of them, so that those who come at the same time wake up one process, and not
    all. Two at random balance nearly as well as to compare all of them (Mitzenmacher, "The Power of
    Two Choices in Randomized Load Balancing", 2001), and do not flood a worker that was just
    respawned and has no connections. A full worker gets none while another has room. If all are
    full, one is chosen in which an idle connection makes way, otherwise one that answers 503.
    """

    def __init__(self, random: Random) -> None:
        self.workers: list[Backend] = []
        self._random = random
        self._drawn: Backend | None = None
        self._left = 0  # of its burst

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Assign a connection. Return False if no worker takes it at the moment."""
        return any(worker.assign(listener, family, connection) for worker in self._candidates())

    def _candidates(self) -> Iterator[Backend]:
        if not self.workers:
            return
        first = self._draw()
        if first.load < first.capacity:
            yield first
        yield from sorted(self.workers, key=_rank)

    def _draw(self) -> Backend:
        """Return the worker that was drawn for this burst, or draw the next one."""
        if self._left <= 0 or self._drawn not in self.workers:
            self._drawn = min(self._pick_two(), key=_utilisation)
            self._left = max(1, min(BURST, int(self._drawn.capacity * BURST_PART)))
        self._left -= 1
        return self._drawn

    def _pick_two(self) -> tuple[Backend, Backend]:
        """Draw two workers, which are the same one only if there is no other."""
        number = len(self.workers)
        first = int(self._random.random() * number)
        second = first + 1 + int(self._random.random() * (number - 1))
        return self.workers[first], self.workers[second % number]


def _rank(worker: Backend) -> tuple[bool, float]:
    """Order workers that have room or idle connections before those that are full."""
    return worker.load >= worker.capacity and worker.idle <= 0, _utilisation(worker)


def _utilisation(worker: Backend) -> float:
    return worker.load / worker.capacity
