"""The memory of processes, and of the kernel for sockets."""

import re
from pathlib import Path

import attrs

from testkit.servers.process import Process

# What the kernel has for a connection, beside its buffers.
SLABS = ["TCP", "sock_inode_cache", "dentry", "filp", "eventpoll_epi", "ep_head"]
SLABS += ["lsm_inode_cache", "lsm_file_cache"]


@attrs.frozen
class Memory:
    """In bytes: what is resident of a front end, and what the kernel has for all sockets."""

    rss: int
    pss: int
    kernel: int


def kilobytes(name: str, path: str) -> int:
    """Return a figure of a file in /proc, in bytes."""
    found = re.search(rf"^{name}:\s+([0-9]+) kB", Path(path).read_text(), re.M)
    assert found is not None, (name, path)
    return int(found[1]) * 1024


def kernel_memory() -> int:
    """Return the bytes that the kernel has for sockets: all of them, so others count, too.

    Only root may know; for others it is 0.
    """
    pages = re.search(r"TCP: .* mem ([0-9]+)", Path("/proc/net/sockstat").read_text())
    assert pages is not None
    try:
        slabs = Path("/proc/slabinfo").read_text()
    except PermissionError:
        return 0
    objects = re.findall(rf"^(?:{'|'.join(SLABS)}) +([0-9]+) +[0-9]+ +([0-9]+)", slabs, re.M)
    return int(pages[1]) * 4096 + sum(int(count) * int(size) for count, size in objects)


def memory(process: Process) -> Memory:
    files = [f"/proc/{pid}/smaps_rollup" for pid in process.pids]
    return Memory(
        rss=sum(kilobytes("Rss", file) for file in files),
        pss=sum(kilobytes("Pss", file) for file in files),
        kernel=kernel_memory(),
    )


def private(pid: int) -> tuple[int, int]:
    """Return the bytes that a process has alone, and with its part of what it shares (Pss)."""
    file = f"/proc/{pid}/smaps_rollup"
    alone = kilobytes("Private_Clean", file) + kilobytes("Private_Dirty", file)
    return alone, kilobytes("Pss", file)
