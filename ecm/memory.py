"""Default of --max-buffered: a part of the memory that is available at start-up."""

from pathlib import Path

import attrs

from ecm.kernel import available_memory, cgroup_memory
from ecm.limits import BUFFERED_PART, BUFFERED_WITHOUT_MEMINFO, MIN_BUFFERED
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
