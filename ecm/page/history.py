"""The figures of the last hour: one sample of each every ten seconds. Pure.

All of it takes 8 bytes for a sample of a figure: 360 samples of 7 figures are 20 kB, for ever.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import isnan, nan
from typing import Final

import attrs

SAMPLE_SECONDS: Final = 10
SAMPLES: Final = 360


@attrs.frozen
class Sample:
    """The figures at one time. Rates are per second, times in seconds; None is not known."""

    online: float | None = None
    connections: float | None = None
    held: float | None = None
    requests: float | None = None
    unavailable: float | None = None
    round_trip: float | None = None
    slow_round_trip: float | None = None


NAMES: Final = tuple(each.name for each in attrs.fields(Sample))


class History:
    """The last samples, the oldest first; a ring of numbers for each figure."""

    def __init__(self, length: int = SAMPLES) -> None:
        self._length = length
        self._added = 0
        self._rings = {name: array("d", [nan]) * length for name in NAMES}

    def __len__(self) -> int:
        """The number of samples that there are."""
        return min(self._added, self._length)

    def add(self, sample: Sample) -> None:
        """Keep a sample, in place of the oldest one once there are enough."""
        place = self._added % self._length
        for name, ring in self._rings.items():
            value = getattr(sample, name)
            ring[place] = nan if value is None else value
        self._added += 1

    def of(self, name: str) -> list[float | None]:
        """Return all samples of a figure; None stands where it was not known."""
        ring, end = self._rings[name], self._added % self._length
        ordered = ring[end:] + ring[:end] if self._added >= self._length else ring[:end]
        return [None if isnan(each) else each for each in ordered]


# The counters of each process, by its number and its process ID.
Counts = Mapping[tuple[int, int], Sequence[float]]


class Rates:
    """The rates of counters that many processes count, each from 0 at its start."""

    def __init__(self) -> None:
        self._before: Counts = {}
        self._at: float | None = None

    def of(self, counts: Counts, now: float) -> list[float | None]:
        """Return how much each counter has grown per second since the last call.

        ``counts`` are the counters of each process, by its number and its process ID. One that is
        new has counted since the last call; what one counted behind its last word is not known.
        """
        grown = [sum(column) for column in zip(*self._growth(counts), strict=True)]
        before, self._at, self._before = self._at, now, counts
        if before is None or now <= before:
            return [None] * len(grown)
        return [each / (now - before) for each in grown]

    def _growth(self, counts: Counts) -> Iterator[list[float]]:
        for process, counted in counts.items():
            before = self._before.get(process, [0.0] * len(counted))
            yield [max(0.0, now - then) for now, then in zip(counted, before, strict=True)]
