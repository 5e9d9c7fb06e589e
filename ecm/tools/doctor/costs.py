"""The costs of users: every figure, with the command that measured it.

docs/benchmarks.md has those of `make ...`, with the machine. Memory is in bytes, for idle users.
"""

from typing import Final

import attrs

from ecm.tools.doctor.plan import Deployment, Tls, Transport

# Our end of a connection in the kernel, without data in flight. `make bench CASE=million`.
KERNEL_PER_CONNECTION: Final = 4_073

# A held request in ECM, of a million; with 10,000, just begun, it is less (CASE=memory). An idle
# WebSocket takes no more (docs/decisions/0223-a-websocket-framer-of-our-own.md); the same is
# assumed of XMPP over TCP.
ECM_PER_CONNECTION: Final = 1_384

# What TLS adds. `make bench CASE=memory`, as the difference to a held request without TLS.
ECM_FOR_TLS: Final = {Tls.NONE: 0, Tls.OPENSSL: 25_400, Tls.LEAN: 600}

# ECM without clients. `make bench CASE=memory` for one process: 53 MB with 2,000 held requests,
# which are 2.5 MB. `make bench CASE=workers` for each of ten workers, for their supervisor and for
# the fork server.
ONE_PROCESS: Final = 51_000_000
WORKER: Final = 8_200_000
SUPERVISOR: Final = 37_000_000

# A node of ejabberd without users, and a user of it over BOSH. `make bench CASE=million`. The same
# is assumed of other transports, whose sessions have less to remember.
EJABBERD: Final = 132_000_000
EJABBERD_PER_USER: Final = 3_819

# CPU of ECM and ejabberd for a user who polls every 60 seconds, as Strophe.js does, in µs a second.
# `make bench CASE=scaling` with 200,000 users, rounded up. Polls that come one by one, as these do,
# take several times the CPU of those that come at once. Only BOSH polls.
CPU_PER_USER: Final = {Transport.BOSH: 5, Transport.WEBSOCKET: 0, Transport.TCP: 0}

# Pages of TCP's memory (tcp_mem) for a connection with a small answer that is not acknowledged. The
# kernel charges whole pages (sk_mem_pages), and none once all is acknowledged: `mem` of TCP in
# /proc/net/sockstat shows it.
PAGES_IN_FLIGHT: Final = 1

# One connection in so many has data in flight at the same moment. Assumed, not measured: ECM
# sends far less than that in the time of a round trip, but some clients vanish, and the
# kernel retransmits their answers until --send-timeout.
ONE_IN: Final = 10

# Threads of a worker: its own, and those in which Twisted looks names up, 10 at most.
WORKER_TASKS: Final = 11

# Threads of ejabberd, and in addition for each core, a scheduler and a dirty one. On two cores
# there were 18 and 20 in all (`Threads` in /proc/PID/status of beam.smp).
EJABBERD_TASKS: Final = 16
EJABBERD_TASKS_PER_CORE: Final = 2

# Erlang processes of ejabberd: one for each session, and what it has without users, some hundreds.
ERLANG_PROCESSES: Final = 1_000


@attrs.frozen
class Memory:
    """The memory of a deployment, in bytes."""

    kernel: int
    clients: int  # of ECM, for connections
    workers: int  # and their supervisor
    ejabberd: int

    @property
    def total(self) -> int:
        return self.kernel + self.clients + self.workers + self.ejabberd


def memory(deployment: Deployment) -> Memory:
    return Memory(
        kernel=deployment.connections * KERNEL_PER_CONNECTION,
        clients=deployment.connections * (ECM_PER_CONNECTION + ECM_FOR_TLS[deployment.tls]),
        workers=_processes(deployment.workers),
        ejabberd=EJABBERD + deployment.users * EJABBERD_PER_USER,
    )


def _processes(workers: int) -> int:
    return ONE_PROCESS if workers == 1 else SUPERVISOR + workers * WORKER


def tcp_pages(deployment: Deployment) -> int:
    return -(-deployment.connections * PAGES_IN_FLIGHT // ONE_IN)


def cores(deployment: Deployment) -> int:
    """The cores that the polls of idle users keep busy."""
    return -(-deployment.users * CPU_PER_USER[deployment.transport] // 1_000_000)


def tasks(deployment: Deployment, cores: int) -> int:
    ejabberd = EJABBERD_TASKS + EJABBERD_TASKS_PER_CORE * cores
    return deployment.processes * WORKER_TASKS + ejabberd


def erlang_processes(deployment: Deployment) -> int:
    return ERLANG_PROCESSES + deployment.users
