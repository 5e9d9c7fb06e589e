"""The resources of a machine that have a limit: one rule for each."""

from collections.abc import Callable
from functools import partial
from typing import Final

import attrs

from ecm.limits import BACKLOG
from ecm.tools.doctor import costs, fixes
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.plan import Deployment


@attrs.frozen
class Rule:
    """A resource: the amount on the machine, and the need of a deployment, which grows with users.

    A rule that does not bind is advice: the users fit, but wait longer, or it depends on the rest
    of the machine. ``fix`` is given the need, and names commands or settings.
    """

    name: str
    have: Callable[[Machine], int | None]
    need: Callable[[Machine, Deployment], int]
    fix: Callable[[int], list[str]]
    binds: bool = True
    in_bytes: bool = False


def _files_in_all(machine: Machine, deployment: Deployment) -> int:
    return deployment.workers * deployment.files_per_worker + (machine.files_now or 0)


def _syn_backlog(machine: Machine, deployment: Deployment) -> int:
    """0 with SYN cookies: the kernel then ignores the limit (tcp_conn_request)."""
    return 0 if machine.syncookies else BACKLOG


def _tracked(machine: Machine, deployment: Deployment) -> int:
    """0 if the module is loaded, but no firewall rule makes it track anything."""
    return 0 if machine.tracked_now == 0 else deployment.connections + (machine.tracked_now or 0)


RULES: Final = [
    Rule(
        "open files of a worker",
        lambda machine: machine.hard_files,
        lambda machine, deployment: deployment.files_per_worker,
        fixes.open_files,
    ),
    Rule(
        "the most these can be (fs.nr_open)",
        lambda machine: machine.nr_open,
        lambda machine, deployment: deployment.files_per_worker,
        partial(fixes.sysctl, "fs.nr_open"),
    ),
    Rule(
        "open files in all (fs.file-max)",
        lambda machine: machine.file_max,
        _files_in_all,
        partial(fixes.sysctl, "fs.file-max"),
    ),
    Rule(
        "memory of the machine",
        lambda machine: machine.memory,
        lambda machine, deployment: costs.memory(deployment).total,
        fixes.memory,
        in_bytes=True,
    ),
    Rule(
        "memory of the cgroup",
        lambda machine: machine.cgroup_memory,
        lambda machine, deployment: costs.memory(deployment).total,
        fixes.cgroup_memory,
        in_bytes=True,
    ),
    Rule(
        "threads of the cgroup (pids.max)",
        lambda machine: machine.cgroup_tasks,
        lambda machine, deployment: costs.tasks(deployment, machine.cores or 1),
        fixes.cgroup_tasks,
    ),
    Rule(
        "pages of all sockets (tcp_mem)",
        lambda machine: machine.tcp_pages,
        lambda machine, deployment: costs.tcp_pages(deployment),
        fixes.tcp_mem,
    ),
    Rule(
        "connections tracked (conntrack)",
        lambda machine: machine.most_tracked,
        _tracked,
        partial(fixes.sysctl, "net.netfilter.nf_conntrack_max"),
    ),
    Rule(
        "Erlang processes (ERL_PROCESSES)",
        lambda machine: machine.erlang_processes,
        lambda machine, deployment: costs.erlang_processes(deployment),
        fixes.erlang_processes,
    ),
    Rule(
        "waiting for a worker (somaxconn)",
        lambda machine: machine.somaxconn,
        lambda machine, deployment: BACKLOG,
        partial(fixes.sysctl, "net.core.somaxconn"),
        binds=False,
    ),
    Rule(
        "half open (tcp_max_syn_backlog)",
        lambda machine: machine.syn_backlog,
        _syn_backlog,
        partial(fixes.sysctl, "net.ipv4.tcp_max_syn_backlog"),
        binds=False,
    ),
    Rule(
        "ports of a proxy in front, if any",
        lambda machine: machine.ports,
        lambda machine, deployment: deployment.connections,
        fixes.ports,
        binds=False,
    ),
    Rule(
        "cores for the workers",
        lambda machine: machine.cores,
        lambda machine, deployment: deployment.workers,
        fixes.workers,
        binds=False,
    ),
    Rule(
        "cores for polls of quiet users",
        lambda machine: machine.cores,
        lambda machine, deployment: costs.cores(deployment),
        fixes.cores,
        binds=False,
    ),
]
