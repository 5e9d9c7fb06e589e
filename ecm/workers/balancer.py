"""The load balancer: which worker gets a connection."""

from collections.abc import Iterator
from random import Random
from typing import Protocol

from ecm.limits import BURST, BURST_PART


class Backend(Protocol):
    """A worker that serves, as the balancer sees it.

    ``load`` is its number of connections, ``capacity`` its limit for them; ``idle`` is how many
    would make way for new ones, if it is full. ``suffices`` is whether it has so little to do that
    no other one is needed.
    """

    load: int
    capacity: int
    idle: int

    @property
    def suffices(self) -> bool:
        """Return whether it may have new connections to itself."""

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Give it a connection, a file descriptor. Return False if it takes none at the moment."""


class Balancer:
    """Assigns each connection to a worker that has little to do, as long as there is one.

    Of several it is the one with the most connections: it wakes up anyway, and others sleep on.

    While there is none, it is the less loaded of two workers that are drawn at random. It gets a
    burst of them, so that those who come at the same time wake up one process, and not all. Two at
    random balance nearly as well as to compare all of them (Mitzenmacher, "The Power of Two Choices
    in Randomized Load Balancing", 2001), and do not flood a worker that was just respawned and has
    no connections. A full worker gets none while another has room. If all are full, one is chosen
    in which an idle connection makes way, otherwise one that answers 503.
    """

    def __init__(self, random: Random) -> None:
        self.workers: list[Backend] = []
        self._random = random
        self._drawn: Backend | None = None
        self._left = 0  # of its burst
        # The one that suffices; None if there is none, until one tells something else.
        self._sufficing: Backend | None = None

    def told(self, worker: Backend) -> None:
        """A worker has told how it is: it serves, if it did not before."""
        if worker not in self.workers:
            self.workers.append(worker)
        present = self._sufficient()
        if worker.suffices and (present is None or worker.load > present.load):
            self._sufficing = worker

    def remove(self, worker: Backend) -> None:
        """Assign a worker nothing more."""
        if worker in self.workers:
            self.workers.remove(worker)
        if worker is self._sufficing:
            self._sufficing = self._most_loaded()

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Assign a connection. Return False if no worker takes it at the moment."""
        return any(worker.assign(listener, family, connection) for worker in self._candidates())

    def _candidates(self) -> Iterator[Backend]:
        if not self.workers:
            return
        sufficient = self._sufficient()
        if sufficient is not None:
            yield sufficient
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

    def _sufficient(self) -> Backend | None:
        """Return the worker that suffices. All are looked at only when one does no more."""
        if self._sufficing is not None and not self._sufficing.suffices:
            self._sufficing = self._most_loaded()
        return self._sufficing

    def _most_loaded(self) -> Backend | None:
        few = [worker for worker in self.workers if worker.suffices]
        return max(few, key=_load, default=None)

    def _pick_two(self) -> tuple[Backend, Backend]:
        """Draw two workers, which are the same one only if there is no other."""
        number = len(self.workers)
        first = int(self._random.random() * number)
        second = first + 1 + int(self._random.random() * (number - 1))
        return self.workers[first], self.workers[second % number]


def _load(worker: Backend) -> int:
    return worker.load


def _rank(worker: Backend) -> tuple[bool, float]:
    """Order workers that have room or idle connections before those that are full."""
    return worker.load >= worker.capacity and worker.idle <= 0, _utilisation(worker)


def _utilisation(worker: Backend) -> float:
    return worker.load / worker.capacity
