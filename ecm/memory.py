"""Memory: the default of --max-buffered, and whether memory is short."""

from collections.abc import Callable
from pathlib import Path

import attrs

from ecm.kernel import available_memory, cgroup_free_memory, cgroup_memory, free_addresses
from ecm.limits import (
    BUFFERED_PART,
    BUFFERED_WITHOUT_MEMINFO,
    MAX_MEMORY_PAUSE,
    MEMORY_RATE,
    MIN_BUFFERED,
    SHORT_MEMORY,
)
from ecm.settings import Settings


def split(settings: Settings, root: Path = Path("/")) -> Settings:
    """Return the settings of one worker, with its part of the memory.

    ``root`` has the files of the kernel: ``/``, except in tests.
    """
    part = max(MIN_BUFFERED, capacity(root) // settings.workers)
    max_buffered = settings.clients.max_buffered or part
    clients = attrs.evolve(settings.clients, max_buffered=max_buffered)
    return attrs.evolve(settings, clients=clients)


def capacity(root: Path) -> int:
    """Return the bytes for all workers: a part of the memory that is available to this process."""
    available = available_memory(root)
    if available is None:
        available = BUFFERED_WITHOUT_MEMINFO * BUFFERED_PART
    in_cgroup = cgroup_memory(root)
    return (available if in_cgroup is None else min(available, in_cgroup)) // BUFFERED_PART


def free(root: Path) -> int | None:
    """Return the bytes that this process may still allocate, None if nothing is known of them."""
    found = (available_memory(root), cgroup_free_memory(root), free_addresses(root))
    return min((each for each in found if each is not None), default=None)


class MemoryWatch:
    """Looks whether memory is short, and tells when that changes.

    It looks every second, and less often while so much is left that it cannot be short before.
    """

    def __init__(self, tell: Callable[[bool], None], root: Path = Path("/")) -> None:
        self._tell = tell
        self._root = root
        self._is_short = False
        self._next = 0.0  # the time of the next look

    def tick(self, now: float) -> None:
        if now < self._next:
            return
        left = free(self._root)
        self._next = now + _pause(left)
        is_short = left is not None and left < SHORT_MEMORY
        if is_short is not self._is_short:
            self._is_short = is_short
            self._tell(is_short)


def _pause(left: int | None) -> float:
    """Return the seconds in which nothing can have become of so many bytes."""
    if left is None:
        return MAX_MEMORY_PAUSE
    return min(MAX_MEMORY_PAUSE, max(0, left - SHORT_MEMORY) / MEMORY_RATE)
