"""Commands that raise the limits of a machine."""

from typing import Final

# Keeps settings of the kernel over a reboot (sysctl.d(5)).
LASTING: Final = "/etc/sysctl.d/90-ecm.conf"


def rounded_up(need: int) -> int:
    """Round up to two digits, so that the next user does not need a higher limit again."""
    step = int(10 ** max(0, len(str(need)) - 2))
    return -(-need // step) * step


def sysctl(name: str, need: int) -> list[str]:
    return [f"sysctl -w {name}={rounded_up(need)}"]


def tcp_mem(need: int) -> list[str]:
    """All three values, in the proportions of the kernel's own: 3 to 4 to 6."""
    most = rounded_up(need)
    return [f'sysctl -w net.ipv4.tcp_mem="{most // 2} {most * 2 // 3} {most}"']


def open_files(need: int) -> list[str]:
    """Not rounded: more may be above fs.nr_open."""
    return [
        f"systemctl edit ecm.service: LimitNOFILE={need}, below [Service]",
        f"ulimit -n {need} in a shell of root, --ulimit nofile={need} of Docker",
        "or more workers: --workers auto",
    ]


def workers(need: int) -> list[str]:
    return ["fewer, with more open files each: ecm-doctor --workers CORES tells how many"]


def ports(need: int) -> list[str]:
    return [
        'sysctl -w net.ipv4.ip_local_port_range="1024 65535"',
        "more addresses of the proxy or of ECM: each pair has all ports for itself",
    ]


def memory(need: int) -> list[str]:
    return ["more memory, or fewer users: ejabberd may have a machine of its own"]


def cgroup_memory(need: int) -> list[str]:
    return [f"MemoryMax={rounded_up(need)} in the unit; --memory of the container"]


def cgroup_tasks(need: int) -> list[str]:
    return [f"TasksMax={rounded_up(need)} in the unit; --pids-limit of the container"]


def cores(need: int) -> list[str]:
    return ["more or faster cores, or a longer wait of the clients"]


def erlang_processes(need: int) -> list[str]:
    return [f"ERL_PROCESSES={rounded_up(need)} in ejabberdctl.cfg, and restart ejabberd"]
