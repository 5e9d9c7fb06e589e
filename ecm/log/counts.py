"""Counts of what clients do wrong, for few lines of the log: bounded whatever they do. Pure."""

from collections.abc import Hashable
from typing import Final, Generic, TypeVar

import attrs

from ecm.limits import FAULT_INTERVAL, MAX_FAULT, MAX_FAULT_SOURCES, MAX_FAULTS

# Stands for all reasons beyond MAX_FAULTS.
OTHERS: Final = "for other reasons"

Kind = TypeVar("Kind", bound=Hashable)


class Sources:
    """The addresses of those who do something, and how often it is done by all together.

    A few numbers find whoever does more than half of it, in a crowd of any size (Misra and Gries,
    1982): an address that has no number of its own takes one from each of the others.
    """

    __slots__ = ("_numbers", "total")

    def __init__(self) -> None:
        self.total = 0
        # Never more than how often it was each of them, and less by an eighth of the total at most.
        self._numbers: dict[str, int] = {}

    def add(self, address: str) -> None:
        """Count one."""
        self.total += 1
        numbers = self._numbers
        if address in numbers or len(numbers) < MAX_FAULT_SOURCES:
            numbers[address] = numbers.get(address, 0) + 1
            return
        self._numbers = {each: number - 1 for each, number in numbers.items() if number > 1}

    @property
    def most(self) -> str:
        """The address of more than half for certain, or ""."""
        return next((each for each, number in self._numbers.items() if 2 * number > self.total), "")


@attrs.frozen
class Counted(Generic[Kind]):
    """The number of faults of a kind, for a reason, of which ``most`` were from one address."""

    kind: Kind
    why: str
    number: int
    most: str


class FaultCounts(Generic[Kind]):
    """Faults by kind and reason. Kinds are few, and known; reasons may be what a client has sent.

    The first fault of a kind after a quiet interval is to be told at once, all others together.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[Kind, str], Sources] = {}
        # The kinds that have come in this interval, or in the last one; how many were told at once.
        self._known: set[Kind] = set()
        self._told = 0
        # When the interval began: at the first tick after its first fault.
        self._since: float | None = None

    def add(self, kind: Kind, why: str, address: str) -> bool:
        """Count a fault. Returns whether to tell it now."""
        key = kind, why[:MAX_FAULT]
        if key not in self._counts and len(self._counts) >= MAX_FAULTS:
            key = kind, OTHERS
        self._counts.setdefault(key, Sources()).add(address)
        if kind in self._known:
            return False
        self._known.add(kind)
        self._told += 1
        return True

    def tick(self, now: float) -> list[Counted[Kind]]:
        """Return the faults of an interval at its end, the most frequent first.

        It is nothing where all of them have been told at once.
        """
        if not self._known:
            return []
        if self._since is None:
            self._since = now
        if now - self._since < FAULT_INTERVAL:
            return []
        counts, told = self._counts, self._told
        self._counts, self._told = {}, 0
        self._known = {kind for kind, _ in counts}
        self._since = now if counts else None
        counted = [
            Counted(kind, why, sources.total, sources.most)
            for (kind, why), sources in counts.items()
        ]
        if sum(each.number for each in counted) == told:
            return []
        return sorted(counted, key=lambda each: -each.number)
