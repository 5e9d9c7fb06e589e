"""Which worker gets a connection."""

from collections.abc import Iterator
from random import Random
from typing import Protocol


class Taker(Protocol):
    """A worker that serves.

    ``load`` is how many connections it has, ``capacity`` how many fit; ``idle`` is how many would
    make way for others, where it is full.
    """

    load: int
    capacity: int
    idle: int

    def give(self, door: int, family: int, connection: int) -> bool:
        """Give it a connection, a file descriptor. False if it cannot take more at the moment."""


class Pool:
    """Gives each connection to the less loaded of two workers that are drawn.

    That spreads nearly as evenly as to ask all of them would (Mitzenmacher, "The Power of Two
    Choices in Randomized Load Balancing", 2001), and floods no worker that has just been replaced,
    and has none. A full one is passed over as long as any has room. If all are full, it is one of
    which another connection makes way, or else one that tells the client.
    """

    def __init__(self, random: Random) -> None:
        self.takers: list[Taker] = []
        self._random = random

    def give(self, door: int, family: int, connection: int) -> bool:
        """Give a connection away. False if nobody takes it at the moment."""
        return any(taker.give(door, family, connection) for taker in self._order())

    def _order(self) -> Iterator[Taker]:
        if not self.takers:
            return
        first = min(self._two(), key=_load)
        if first.load < first.capacity:
            yield first
        yield from sorted(self.takers, key=_rank)

    def _two(self) -> tuple[Taker, Taker]:
        """Draw two; the same one twice only if there is no other."""
        number = len(self.takers)
        first = int(self._random.random() * number)
        second = first + 1 + int(self._random.random() * (number - 1))
        return self.takers[first], self.takers[second % number]


def _rank(taker: Taker) -> tuple[bool, float]:
    """Order those that have room, those in which others make way, those that are full."""
    return taker.load >= taker.capacity and taker.idle <= 0, _load(taker)


def _load(taker: Taker) -> float:
    return taker.load / taker.capacity
