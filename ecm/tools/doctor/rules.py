"""What users need of a machine, one rule for each thing of which there is a limit."""

from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from ecm.limits import BACKLOG
from ecm.tools.doctor import costs, mending
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.plan import Plan


@attrs.frozen
class Rule:
    """One thing: how much there is, and how much a plan needs, which more users never lessen.

    A rule that does not bind is advice: users fit all the same, but wait longer, or it depends on
    what else there is. ``mend`` is told the need, and names commands or settings.
    """

    name: str
    have: Callable[[Machine], int | None]
    need: Callable[[Machine, Plan], int]
    mend: Callable[[int], list[str]]
    binds: bool = True
    in_bytes: bool = False


def _files_in_all(machine: Machine, plan: Plan) -> int:
    return plan.workers * plan.files_per_worker + (machine.files_now or 0)


def _syn_backlog(machine: Machine, plan: Plan) -> int:
    """Nothing with SYN cookies: the kernel then passes the limit over (tcp_conn_request)."""
    return 0 if machine.syncookies else BACKLOG


def _tracked(machine: Machine, plan: Plan) -> int:
    """Nothing where the module is loaded, but no rule of the firewall makes it follow anything."""
    return 0 if machine.tracked_now == 0 else plan.connections + (machine.tracked_now or 0)


RULES: Final = [
    Rule(
        "open files of a worker",
        lambda machine: machine.hard_files,
        lambda machine, plan: plan.files_per_worker,
        mending.open_files,
    ),
    Rule(
        "the most these can be (fs.nr_open)",
        lambda machine: machine.nr_open,
        lambda machine, plan: plan.files_per_worker,
        partial(mending.sysctl, "fs.nr_open"),
    ),
    Rule(
        "open files in all (fs.file-max)",
        lambda machine: machine.file_max,
        _files_in_all,
        partial(mending.sysctl, "fs.file-max"),
    ),
    Rule(
        "memory of the machine",
        lambda machine: machine.memory,
        lambda machine, plan: costs.memory(plan).total,
        mending.memory,
        in_bytes=True,
    ),
    Rule(
        "memory of the cgroup",
        lambda machine: machine.cgroup_memory,
        lambda machine, plan: costs.memory(plan).total,
        mending.cgroup_memory,
        in_bytes=True,
    ),
    Rule(
        "threads of the cgroup (pids.max)",
        lambda machine: machine.cgroup_tasks,
        lambda machine, plan: costs.tasks(plan, machine.cores or 1),
        mending.cgroup_tasks,
    ),
    Rule(
        "pages of all sockets (tcp_mem)",
        lambda machine: machine.tcp_pages,
        lambda machine, plan: costs.tcp_pages(plan),
        mending.tcp_mem,
    ),
    Rule(
        "connections tracked (conntrack)",
        lambda machine: machine.most_tracked,
        _tracked,
        partial(mending.sysctl, "net.netfilter.nf_conntrack_max"),
    ),
    Rule(
        "Erlang processes (ERL_PROCESSES)",
        lambda machine: machine.erlang_processes,
        lambda machine, plan: costs.erlang_processes(plan),
        mending.erlang_processes,
    ),
    Rule(
        "waiting for a worker (somaxconn)",
        lambda machine: machine.somaxconn,
        lambda machine, plan: BACKLOG,
        partial(mending.sysctl, "net.core.somaxconn"),
        binds=False,
    ),
    Rule(
        "half open (tcp_max_syn_backlog)",
        lambda machine: machine.syn_backlog,
        _syn_backlog,
        partial(mending.sysctl, "net.ipv4.tcp_max_syn_backlog"),
        binds=False,
    ),
    Rule(
        "ports of a proxy in front, if any",
        lambda machine: machine.ports,
        lambda machine, plan: plan.connections,
        mending.ports,
        binds=False,
    ),
    Rule(
        "cores for the workers",
        lambda machine: machine.cores,
        lambda machine, plan: plan.workers,
        mending.workers,
        binds=False,
    ),
    Rule(
        "cores for polls of quiet users",
        lambda machine: machine.cores,
        lambda machine, plan: costs.cores(plan),
        mending.cores,
        binds=False,
    ),
]
