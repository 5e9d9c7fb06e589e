"""The plan of an operator, and the deployment that it leads to on a machine."""

from enum import StrEnum

import attrs

from ecm.limits import RESERVED_FILES, reserved
from ecm.tools.doctor.machine import Machine


class Transport(StrEnum):
    BOSH = "bosh"
    WEBSOCKET = "websocket"
    TCP = "tcp"


class Tls(StrEnum):
    """TLS of clients in ECM: none, by OpenSSL, or with --lean-tls."""

    NONE = "none"
    OPENSSL = "openssl"
    LEAN = "lean"


class Sessions(StrEnum):
    """The table of sessions in ejabberd: its own, or that of mod_ecm (``sm_db_type: ecm``)."""

    MNESIA = "mnesia"
    ECM = "ecm"


@attrs.frozen
class Deployment:
    """Users, their connections to ECM, and the workers that serve them."""

    users: int
    connections: int
    workers: int
    transport: Transport = Transport.BOSH
    tls: Tls = Tls.NONE
    sessions: Sessions = Sessions.MNESIA

    @property
    def processes(self) -> int:
        """More than one worker has a supervisor."""
        return self.workers + (self.workers > 1)

    @property
    def files_per_worker(self) -> int:
        return files_for(-(-self.connections // self.workers))


@attrs.frozen
class Plan:
    """``workers`` is None for one for each core, or as many as their open files need; ``sessions``
    for what the ejabberd of the machine has."""

    connections_per_user: int = 1
    workers: int | None = None
    transport: Transport = Transport.BOSH
    tls: Tls = Tls.NONE
    sessions: Sessions | None = None

    def deploy(self, machine: Machine, users: int) -> Deployment:
        """Return the deployment for so many users."""
        connections = users * self.connections_per_user
        workers = self.workers or _workers(machine, connections)
        own = Sessions.ECM if machine.own_sessions else Sessions.MNESIA
        sessions = self.sessions or own
        return Deployment(users, connections, workers, self.transport, self.tls, sessions)


def _workers(machine: Machine, connections: int) -> int:
    cores = machine.cores or 1
    if machine.hard_files is None:
        return cores
    files = max(1, machine.hard_files - RESERVED_FILES)
    return max(cores, -(-connections // (files - reserved(files))))


def files_for(connections: int) -> int:
    """Return the open files of a worker that lets in so many: a part is kept for its users."""
    files = connections
    while (room := files - reserved(files)) < connections:
        files += connections - room
    return files + RESERVED_FILES
