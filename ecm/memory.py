"""How much memory connections of clients may take for what they hold, where nobody says."""

from pathlib import Path

import attrs

from ecm.limits import BUFFERED_PART, BUFFERED_WITHOUT_MEMINFO, MIN_BUFFERED
from ecm.settings import EcmSettings
from ecm.tools.doctor.reader import read


def split(settings: EcmSettings, workers: int, root: Path = Path("/")) -> EcmSettings:
    """Return the settings of each worker: its part of the memory that this machine has free.

    ``root`` is where the machine's files are, which tests change.
    """
    most = settings.clients.max_buffered or max(MIN_BUFFERED, capacity(root) // workers)
    clients = attrs.evolve(settings.clients, max_buffered=most)
    return attrs.evolve(settings, clients=clients)


def capacity(root: Path) -> int:
    """Return the bytes for all workers: a part of what is free, and may be taken (cgroups(7))."""
    machine = read(root)
    most = BUFFERED_WITHOUT_MEMINFO * BUFFERED_PART if machine.memory is None else machine.memory
    if machine.cgroup_memory is not None:
        most = min(most, machine.cgroup_memory)
    return most // BUFFERED_PART
