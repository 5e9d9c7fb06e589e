"""The faults: a table of names, of what they do, and of their goals."""

from collections.abc import Iterator

from bench.faults import of_clocks, of_ecm, of_ejabberd, of_the_link
from bench.faults.lab import Fault


def faults(scale: float) -> Iterator[Fault]:
    """Give all of them, the durations of most multiplied by a scale."""
    for part in (of_the_link, of_ecm, of_ejabberd, of_clocks):
        yield from part.faults(scale)
