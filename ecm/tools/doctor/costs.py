"""The growth model: the costs of users who rest, of connections, and of processes that serve them.

measured.py has the figures. docs/benchmarks.md says how far the model is from what was measured.
"""

import math
from typing import Final

import attrs

from ecm.tools.doctor import measured
from ecm.tools.doctor.plan import Deployment, Transport

# Seconds between the polls of a client of BOSH, as Strophe.js has it.
WAIT: Final = 60

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
        kernel=deployment.connections * measured.KERNEL_PER_CONNECTION,
        clients=deployment.connections * _per_connection(deployment),
        workers=_processes(deployment.workers),
        ejabberd=measured.EJABBERD + deployment.users * _per_user(deployment),
    )


def _per_connection(deployment: Deployment) -> int:
    plain = measured.ECM_PER_CONNECTION[deployment.transport]
    return plain + measured.ECM_FOR_TLS[deployment.tls]


def _per_user(deployment: Deployment) -> int:
    return measured.EJABBERD_PER_USER[deployment.sessions, deployment.transport]


def _processes(workers: int) -> int:
    if workers == 1:
        return measured.ONE_PROCESS
    return measured.SUPERVISOR + workers * measured.WORKER


def tcp_pages(deployment: Deployment) -> int:
    return -(-deployment.connections * PAGES_IN_FLIGHT // ONE_IN)


@attrs.frozen
class Polls:
    """Seconds of CPU: of a process each second, whatever comes; of each user each second; of each
    poll; and of each time that the process wakes up for polls, which takes it so long that those of
    ``together`` seconds are done at once. Polls that come one by one so take several times the CPU
    of those that come together."""

    background: float
    user: float
    each: float
    waking: float
    together: float

    def cores(self, rate: float, processes: int, users: int) -> float:
        """The cores that polls keep busy, so many a second, in processes that share them."""
        wakings = rate / (1 + rate * self.together / processes)
        quiet = self.background * processes + self.user * users
        return quiet + self.each * rate + self.waking * wakings


def busy(deployment: Deployment, wait: float = WAIT) -> float:
    """The cores that users who rest keep busy. Only those of BOSH poll, every ``wait`` seconds."""
    if deployment.transport is not Transport.BOSH:
        return deployment.users * measured.STREAM_CPU / 1e6
    rate = deployment.users / wait
    both = (Polls(*measured.ECM_POLLS), Polls(*measured.EJABBERD_POLLS))
    return sum(each.cores(rate, deployment.workers, deployment.users) for each in both)


def cores(deployment: Deployment) -> int:
    """The same, whole."""
    return math.ceil(busy(deployment))


def tasks(deployment: Deployment, cores: int) -> int:
    ejabberd = EJABBERD_TASKS + EJABBERD_TASKS_PER_CORE * cores
    return deployment.processes * WORKER_TASKS + ejabberd


def erlang_processes(deployment: Deployment) -> int:
    return ERLANG_PROCESSES + deployment.users
