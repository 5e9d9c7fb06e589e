"""Reads the limits of a machine."""

from pathlib import Path
from typing import Final

from ecm.kernel import available_memory, cgroup_memory, cgroup_tasks, content
from ecm.tools.doctor import proc
from ecm.tools.doctor.machine import Machine

# The files with ejabberdctl's settings. Debian's /etc/ejabberd is a link to the second, in a
# folder that not everyone may enter.
_EJABBERDCTL: Final = ("etc/ejabberd/ejabberdctl.cfg", "etc/default/ejabberd")

# The configuration of Debian's ejabberd, and of its installer. Not everyone may read it.
_EJABBERD: Final = ("etc/ejabberd/ejabberd.yml", "opt/ejabberd/conf/ejabberd.yml")

# ejabberdctl's default (ejabberd 23.01).
_ERL_PROCESSES: Final = 250_000


def read(root: Path) -> Machine:
    """Read what can be read below a folder: ``/``, except in tests."""
    net, kernel = root / "proc/sys/net", root / "proc/sys/fs"
    soft_files, hard_files = proc.open_files(content(root / "proc/self/limits"))
    return Machine(
        cores=proc.cores(content(root / "proc/self/status")),
        soft_files=soft_files,
        hard_files=hard_files,
        nr_open=_number(kernel / "nr_open"),
        file_max=_number(kernel / "file-max"),
        files_now=proc.at(proc.numbers(content(kernel / "file-nr")), 0),
        somaxconn=_number(net / "core/somaxconn"),
        syn_backlog=_number(net / "ipv4/tcp_max_syn_backlog"),
        syncookies=_number(net / "ipv4/tcp_syncookies"),
        tcp_pages=proc.at(proc.numbers(content(net / "ipv4/tcp_mem")), 2),
        most_tracked=_number(net / "netfilter/nf_conntrack_max"),
        tracked_now=_number(net / "netfilter/nf_conntrack_count"),
        ports=proc.ports(content(net / "ipv4/ip_local_port_range")),
        memory=available_memory(root),
        cgroup_memory=cgroup_memory(root),
        cgroup_tasks=cgroup_tasks(root),
        erlang_processes=_erlang_processes(root),
        own_sessions=_own_sessions(root),
    )


def _number(path: Path) -> int | None:
    return proc.number(content(path))


def _erlang_processes(root: Path) -> int | None:
    contents = [content(root / name) for name in _EJABBERDCTL]
    settings = next(filter(None, contents), None)
    return proc.setting(settings, "ERL_PROCESSES", _ERL_PROCESSES) if settings else None


def _own_sessions(root: Path) -> int | None:
    contents = [content(root / name) for name in _EJABBERD]
    found = next(filter(None, contents), None)
    return proc.has_own_sessions(found) if found else None
