"""The number of connections that open files allow: each is one file. Pure."""

import attrs

from ecm.limits import RESERVED_FILES
from ecm.settings import Settings


def capacity(files: int) -> int:
    """Return the number of connections of a process that may open ``files`` files."""
    return max(1, files - RESERVED_FILES)


def describe(files: int, workers: int) -> str:
    """Return the log line that says how many connections ``files`` open files allow."""
    each = capacity(files)
    text = f"{files:,} open files: enough for {each:,} connections"
    if workers > 1:
        text += f" in each of {workers} workers, {each * workers:,} in all"
    return text


def split(settings: Settings, files: int, number: int = 1) -> Settings:
    """Return the settings of a worker: its part of the connections, at most what files allow.

    ``number`` is that of the worker, from 1.
    """
    maximum, workers = settings.clients.max_connections, settings.workers
    part = maximum // workers + (number <= maximum % workers) if maximum else capacity(files)
    clients = attrs.evolve(settings.clients, max_connections=min(part, capacity(files)))
    return attrs.evolve(settings, clients=clients)
