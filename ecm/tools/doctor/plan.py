"""What shall run on a machine."""

import attrs

from ecm.limits import RESERVED_FILES
from ecm.tools.doctor.machine import Machine


@attrs.frozen
class Wish:
    """What is asked for. ``workers`` is None for as many as it takes."""

    connections_per_user: int = 1
    workers: int | None = None


@attrs.frozen
class Plan:
    """Users, their connections to ECM, and the workers that serve them."""

    users: int
    connections: int
    workers: int

    @property
    def processes(self) -> int:
        """More than one worker has a supervisor."""
        return self.workers + (self.workers > 1)

    @property
    def files_per_worker(self) -> int:
        return -(-self.connections // self.workers) + RESERVED_FILES


def make(wish: Wish, machine: Machine, users: int) -> Plan:
    """Plan for so many users: a worker for each core, or as many as their open files need."""
    connections = users * wish.connections_per_user
    return Plan(users, connections, wish.workers or _workers(machine, connections))


def _workers(machine: Machine, connections: int) -> int:
    cores = machine.cores or 1
    if machine.hard_files is None:
        return cores
    room = max(1, machine.hard_files - RESERVED_FILES)
    return max(cores, -(-connections // room))
