"""The faults: a table of names, of what they do, and of their goals."""

from collections.abc import Iterator

from bench.faults import (
    of_clocks,
    of_clusters,
    of_ecm,
    of_ejabberd,
    of_load,
    of_reloads,
    of_the_link,
)
from bench.faults.lab import Fault, Size


def faults(size: Size) -> Iterator[Fault]:
    """Give all of them, for runs of a size."""
    for part in (of_the_link, of_ecm, of_reloads, of_ejabberd, of_clusters, of_load, of_clocks):
        yield from part.faults(size)
