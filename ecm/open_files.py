"""How many files may be open: each connection is one."""

import resource
import sys

import attrs

from ecm.limits import RESERVED_FILES
from ecm.settings import EcmSettings


def raise_limit() -> int:
    """Let this process, and what it starts, open as many files as it may. Returns how many."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if now != most:  # else a service that may not call setrlimit would be killed for nothing
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return sys.maxsize if most == resource.RLIM_INFINITY else most


def capacity(files: int) -> int:
    """How many connections a process can have that may open so many files."""
    return max(1, files - RESERVED_FILES)


def describe(files: int, workers: int) -> str:
    """Say, for the log, how many connections so many files are enough for."""
    each = capacity(files)
    text = f"{files:,} open files: enough for {each:,} connections"
    if workers > 1:
        text += f" in each of {workers} workers, {each * workers:,} in all"
    return text


def split(settings: EcmSettings, files: int, number: int = 1, workers: int = 1) -> EcmSettings:
    """Return the settings of one of the workers: its part of the connections, as far as files go.

    ``number`` is from 1 to ``workers``.
    """
    most = settings.clients.max_connections
    part = most // workers + (number <= most % workers) if most else capacity(files)
    clients = attrs.evolve(settings.clients, max_connections=min(part, capacity(files)))
    return attrs.evolve(settings, clients=clients)
