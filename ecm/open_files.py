"""The number of connections that open files allow: each is one file. Pure."""

import attrs

from ecm.limits import MIN_FILES, RESERVED_FILES
from ecm.settings import Settings


def capacity(files: int) -> int:
    """Return the number of connections of a process that may open ``files`` files."""
    return max(1, files - RESERVED_FILES)


def complaint(files: int) -> str:
    """Return why ECM cannot start with so many open files; "" if it can."""
    if files >= RESERVED_FILES + MIN_FILES:
        return ""
    return (
        f"{files} open files are too few: ECM keeps {RESERVED_FILES} for itself; raise LimitNOFILE="
        " of its service, or ulimit -n"
    )


def warnings(settings: Settings, files: int) -> list[str]:
    """Return what the settings ask for, and open files do not allow."""
    asked, workers = settings.clients.max_connections, settings.workers
    most = capacity(files) * workers
    if asked <= most:
        return []
    return [
        f"--max-connections {asked:,}: {files:,} open files of {workers} process(es) are enough for"
        f" {most:,}; raise LimitNOFILE= of the service, or ulimit -n"
    ]


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
