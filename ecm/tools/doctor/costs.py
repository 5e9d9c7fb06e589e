"""What users cost: every figure, with the command that it comes from.

Those of `make ...` are in docs/benchmarks.md, with the machine. Memory is in bytes, and that of
users who do nothing.
"""

from typing import Final

import attrs

from ecm.tools.doctor.plan import Plan

# A connection in the kernel, without data on its way: our end of it. `make bench CASE=million`.
KERNEL_PER_CONNECTION: Final = 4_073

# A held request in ECM, of a million; with 10,000, just begun, it is less (CASE=memory).
ECM_PER_REQUEST: Final = 1_384

# ECM without clients. `make bench CASE=memory` for one process: 53 MB with 2,000 held requests,
# which are 2.5 MB. `make bench CASE=workers` for each of ten workers, for their supervisor and for
# the fork server.
ONE_PROCESS: Final = 51_000_000
WORKER: Final = 8_200_000
SUPERVISOR: Final = 37_000_000

# A node of ejabberd without users, and a user of it. `make bench CASE=million`.
EJABBERD: Final = 132_000_000
EJABBERD_PER_USER: Final = 3_819

# CPU of ECM and ejabberd for a user who polls every 60 seconds, as Strophe.js does, in µs a second.
# `make bench CASE=scaling` with 200,000 users, rounded up. Polls that come one by one, as these do,
# take several times the CPU of those that come at once.
CPU_PER_USER: Final = 5

# Pages of TCP's memory (tcp_mem) for a connection with a small answer that has not been taken. The
# kernel charges whole pages (sk_mem_pages), and none once all is taken: `mem` of TCP in
# /proc/net/sockstat shows it.
PAGES_ON_THE_WAY: Final = 1

# One connection in so many has data on its way in the same moment. Assumed, not measured: ECM
# sends far less than that in the time of a round trip, but some clients go without a word, and
# the kernel repeats their answers until --send-timeout.
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
    """The memory that a plan takes, in bytes."""

    kernel: int
    clients: int  # what ECM has for requests that are held
    workers: int  # and their supervisor
    ejabberd: int

    @property
    def total(self) -> int:
        return self.kernel + self.clients + self.workers + self.ejabberd


def memory(plan: Plan) -> Memory:
    return Memory(
        kernel=plan.connections * KERNEL_PER_CONNECTION,
        clients=plan.connections * ECM_PER_REQUEST,
        workers=ONE_PROCESS if plan.workers == 1 else SUPERVISOR + plan.workers * WORKER,
        ejabberd=EJABBERD + plan.users * EJABBERD_PER_USER,
    )


def tcp_pages(plan: Plan) -> int:
    return -(-plan.connections * PAGES_ON_THE_WAY // ONE_IN)


def cores(plan: Plan) -> int:
    """The cores that are busy with polls of users who do nothing."""
    return -(-plan.users * CPU_PER_USER // 1_000_000)


def tasks(plan: Plan, cores: int) -> int:
    ejabberd = EJABBERD_TASKS + EJABBERD_TASKS_PER_CORE * cores
    return plan.processes * WORKER_TASKS + ejabberd


def erlang_processes(plan: Plan) -> int:
    return ERLANG_PROCESSES + plan.users
