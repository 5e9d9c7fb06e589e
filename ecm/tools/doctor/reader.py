"""Reads what is known of a machine."""

from pathlib import Path
from typing import Final

from ecm.tools.doctor import proc
from ecm.tools.doctor.machine import Machine

# Where ejabberdctl takes its settings from. Debian's /etc/ejabberd is a link to the second, in a
# folder that not everyone may enter.
_EJABBERDCTL: Final = ("etc/ejabberd/ejabberdctl.cfg", "etc/default/ejabberd")

# What ejabberdctl gives Erlang where no setting says otherwise (ejabberd 23.01).
_ERL_PROCESSES: Final = 250_000

# Where cgroups are: in version 2 all in one tree, in version 1 a tree for each controller.
_CGROUPS: Final = "sys/fs/cgroup"


def read(root: Path) -> Machine:
    """Read what can be read below a folder, which is ``/`` but for tests."""
    net, kernel = root / "proc/sys/net", root / "proc/sys/fs"
    soft_files, hard_files = proc.open_files(_content(root / "proc/self/limits"))
    return Machine(
        cores=proc.cores(_content(root / "proc/self/status")),
        soft_files=soft_files,
        hard_files=hard_files,
        nr_open=_number(kernel / "nr_open"),
        file_max=_number(kernel / "file-max"),
        files_now=proc.at(proc.numbers(_content(kernel / "file-nr")), 0),
        somaxconn=_number(net / "core/somaxconn"),
        syn_backlog=_number(net / "ipv4/tcp_max_syn_backlog"),
        syncookies=_number(net / "ipv4/tcp_syncookies"),
        tcp_pages=proc.at(proc.numbers(_content(net / "ipv4/tcp_mem")), 2),
        most_tracked=_number(net / "netfilter/nf_conntrack_max"),
        tracked_now=_number(net / "netfilter/nf_conntrack_count"),
        ports=proc.ports(_content(net / "ipv4/ip_local_port_range")),
        memory=proc.available(_content(root / "proc/meminfo")),
        cgroup_memory=_cgroup_limit(root, "memory", "memory.max", "memory.limit_in_bytes"),
        cgroup_tasks=_cgroup_limit(root, "pids", "pids.max", "pids.max"),
        erlang_processes=_erlang_processes(root),
    )


def _content(path: Path) -> bytes:
    """The bytes of a file; none where there is no such file, or none that may be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


def _number(path: Path) -> int | None:
    return proc.number(_content(path))


def _erlang_processes(root: Path) -> int | None:
    contents = [_content(root / name) for name in _EJABBERDCTL]
    content = next(filter(None, contents), None)
    return proc.setting(content, "ERL_PROCESSES", _ERL_PROCESSES) if content else None


def _cgroup_limit(root: Path, controller: str, new: str, old: str) -> int | None:
    """The least of the limits of a process's cgroup and those around it.

    ``new`` and ``old`` are what the file is called in version 2 and version 1. In a container the
    path may be one of the host's, which is not seen there; the top of the tree then is the
    container's own cgroup. The machine's outermost cgroup has no such file, and no limit.
    """
    paths = proc.cgroups(_content(root / "proc/self/cgroup"))
    if controller in paths:
        return _least(root / _CGROUPS / controller, paths[controller], old)
    return _least(root / _CGROUPS, paths[""], new) if "" in paths else None


def _least(top: Path, path: str, name: str) -> int | None:
    contents = list(filter(None, (_content(folder / name) for folder in _around(top, path))))
    if not contents:
        return proc.UNLIMITED if top.is_dir() else None
    limits = [proc.number(content) for content in contents]
    return min((limit for limit in limits if limit is not None), default=None)


def _around(top: Path, path: str) -> list[Path]:
    """The folders from the top of a tree to a cgroup. ``..`` is above the top: it is not seen."""
    folders = [top]
    for part in path.split("/"):
        if part not in ("", ".", ".."):
            folders.append(folders[-1] / part)
    return folders
