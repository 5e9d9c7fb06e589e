"""Limits of this machine: those of Linux, from its files in /proc and /sys, and of open files.

``root`` is the folder that has them: ``/``, except in tests. Nothing here raises: a file that is
missing, that may not be read, or that has other contents than expected gives None, "not known".
"""

import os
import re
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

# Stands for "no limit". The kernel writes such words as `max`, or, in version 1 of cgroups, the
# greatest number of whole pages in 63 bits.
UNLIMITED: Final = 2**62

_STDERR: Final = 2

# The mount point of cgroups: in version 2 of one tree, in version 1 of a tree for each controller.
_CGROUPS: Final = "sys/fs/cgroup"


def content(path: Path) -> bytes:
    """Return the bytes of a file; none if the file is missing or may not be read."""
    try:
        return path.read_bytes()
    except (OSError, ValueError):
        return b""


def limit(word: bytes) -> int | None:
    """Return the number that a word is; ``max`` and ``unlimited`` are UNLIMITED."""
    if word in (b"max", b"unlimited"):
        return UNLIMITED
    return min(int(word), UNLIMITED) if re.fullmatch(rb"[0-9]{1,19}", word) else None


def open_files() -> int:
    """Return the number of open files of this process.

    Linux tells it from 6.2 on. Before, it is the number of the next one: the lowest that is free,
    so that there may be more.
    """
    size = os.stat("/proc/self/fd").st_size
    if size:
        return size
    lowest = os.dup(2)
    os.close(lowest)
    return lowest


def open_standard_files() -> None:
    """Open /dev/null for stdin, stdout and stderr, where they are closed.

    The next file that this process opens would be taken for them otherwise, also by its children.
    """
    while (file := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        os.set_inheritable(file, True)
    os.close(file)


def raise_open_files() -> int:
    """Raise the soft limit of this process and its children to the hard one, and return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:  # a service whose seccomp filter forbids setrlimit would be killed
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


def available_memory(root: Path) -> int | None:
    """Return the bytes that programs may still allocate (proc(5), MemAvailable)."""
    pattern = rb"^MemAvailable:\s*([0-9]{1,15}) kB$"
    found = re.search(pattern, content(root / "proc/meminfo"), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def cgroup_memory(root: Path) -> int | None:
    """Return the bytes that the cgroup of this process may use (cgroups(7))."""
    return _cgroup_limit(root, "memory", "memory.max", "memory.limit_in_bytes")


def cgroup_free_memory(root: Path) -> int | None:
    """Return the bytes that the cgroup of this process may still allocate (cgroups(7)).

    Pages of files that nobody uses are free. None if there is no limit, or it is not known.
    """
    paths = _cgroups(content(root / "proc/self/cgroup"))
    if "memory" in paths:
        top, path = root / _CGROUPS / "memory", paths["memory"]
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", b"total_inactive_file")
    elif "" in paths:
        top, path = root / _CGROUPS, paths[""]
        names = ("memory.max", "memory.current", b"inactive_file")
    else:
        return None
    found = (_free(each, *names) for each in _ancestry(top, path))
    return min((each for each in found if each is not None), default=None)


def _free(folder: Path, most: str, used: str, unused_pages: bytes) -> int | None:
    allowed, taken = (limit(content(folder / name).strip()) for name in (most, used))
    if allowed is None or allowed == UNLIMITED or taken is None:
        return None
    pages = re.search(rb"^%b ([0-9]{1,18})$" % unused_pages, content(folder / "memory.stat"), re.M)
    return max(0, allowed - taken + (int(pages[1]) if pages else 0))


def free_addresses(root: Path) -> int | None:
    """Return the bytes of memory that this process may still map (setrlimit(2), RLIMIT_AS).

    None if there is no limit.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return None
    pages = re.match(rb"([0-9]{1,15}) ", content(root / "proc/self/statm"))
    return max(0, most - int(pages[1]) * resource.getpagesize()) if pages else None


def cgroup_tasks(root: Path) -> int | None:
    """Return the number of processes and threads that the cgroup of this process may have."""
    return _cgroup_limit(root, "pids", "pids.max", "pids.max")


@attrs.frozen
class Usage:
    """The resident memory of a process in bytes, and the seconds of CPU that it has had."""

    rss: int = 0
    cpu: float = 0.0


def stat(file: Path) -> list[bytes]:
    """Return the words of a file /proc/PID/stat from the state on; none if the process has ended.

    The name of the program, in parentheses before, may contain anything (proc(5)).
    """
    return content(file).rpartition(b") ")[2].split()


def usage(root: Path, pid: int) -> Usage:
    """Return what a process takes; nothing if it has ended."""
    words = stat(root / f"proc/{pid}/stat")
    if len(words) < 22 or not all(words[each].isdigit() for each in (11, 12, 21)):
        return Usage()
    cpu = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    return Usage(int(words[21]) * resource.getpagesize(), cpu)


def _cgroup_limit(root: Path, controller: str, version_2: str, version_1: str) -> int | None:
    """Return the least limit of the cgroup of this process and of its ancestors.

    The file is called ``version_2`` or ``version_1``. In a container the path may be one of the
    host's, which does not exist there; the top of the tree is then the container's own cgroup. The
    root cgroup of a machine has no such file, and no limit.
    """
    paths = _cgroups(content(root / "proc/self/cgroup"))
    if controller in paths:
        return _least(root / _CGROUPS / controller, paths[controller], version_1)
    return _least(root / _CGROUPS, paths[""], version_2) if "" in paths else None


def _cgroups(listed: bytes) -> dict[str, str]:
    """Return the paths in /proc/PID/cgroup by controller; that of version 2 has the empty name."""
    found = re.findall(rb"^[0-9]+:([\w,=.-]*):(/.*)$", listed, re.MULTILINE)
    return {
        name: path.decode(errors="surrogateescape")
        for controllers, path in found
        for name in controllers.decode(errors="replace").split(",")
    }


def _least(top: Path, path: str, name: str) -> int | None:
    contents = list(filter(None, (content(folder / name) for folder in _ancestry(top, path))))
    if not contents:
        return UNLIMITED if top.is_dir() else None
    limits = [limit(each.strip()) for each in contents]
    return min((each for each in limits if each is not None), default=None)


def _ancestry(top: Path, path: str) -> Iterator[Path]:
    """Yield the folders from the top of a tree down to a cgroup.

    ``..`` leads above the top, to what this process cannot see, and is left out.
    """
    folder = top
    yield folder
    for part in path.split("/"):
        if part not in ("", ".", ".."):
            folder /= part
            yield folder
