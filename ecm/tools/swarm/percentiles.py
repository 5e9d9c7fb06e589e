"""Percentiles of durations, from a logarithmic histogram of bounded size. Pure.

Buckets are 5 % wide; a percentile is the upper end of one, so that it is at most 5 % too long. The
histograms of several processes can be added up.
"""

import math
from collections.abc import Mapping

_WIDTH = math.log(1.05)
_MIN_SECONDS = 1e-5  # seconds; what is shorter counts as this

Table = dict[int, int]


def bucket(seconds: float) -> int:
    """Return the number of the bucket for a duration."""
    return math.ceil(math.log(max(seconds, _MIN_SECONDS) / _MIN_SECONDS) / _WIDTH)


def count(table: Table, seconds: float) -> None:
    """Count one duration."""
    number = bucket(seconds)
    table[number] = table.get(number, 0) + 1


def add(table: Table, more: Mapping[int, int]) -> None:
    """Add up two tables, in the first."""
    for number, times in more.items():
        table[number] = table.get(number, 0) + times


def percentile(table: Mapping[int, int], percent: float) -> float | None:
    """Return a percentile in seconds; None if the histogram is empty."""
    left = sum(table.values()) * percent / 100
    for number in sorted(table):
        left -= table[number]
        if left <= 0:
            return _MIN_SECONDS * math.exp(number * _WIDTH)
    return None
