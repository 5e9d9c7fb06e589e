"""Files of made-up machines, for ecm-doctor."""

from pathlib import Path

# Of a machine with four cores and limits as Debian has them.
FILES = {
    "proc/self/limits": "Limit           Soft Limit  Hard Limit  Units\n"
    "Max processes             96343                96343                processes \n"
    "Max open files            1024                 524288               files     \n",
    "proc/self/status": "Name:\tpython3\nCpus_allowed_list:\t0-2,7\nThreads:\t1\n",
    "proc/self/cgroup": "0::/system.slice/ecm.service\n",
    "proc/meminfo": "MemTotal:       16000000 kB\nMemAvailable:   15000000 kB\n",
    "proc/sys/fs/nr_open": "1048576\n",
    "proc/sys/fs/file-max": "9223372036854775807\n",
    "proc/sys/fs/file-nr": "3819\t0\t9223372036854775807\n",
    "proc/sys/net/core/somaxconn": "4096\n",
    "proc/sys/net/ipv4/tcp_max_syn_backlog": "1024\n",
    "proc/sys/net/ipv4/tcp_syncookies": "1\n",
    "proc/sys/net/ipv4/tcp_mem": "287832\t383779\t575664\n",
    "proc/sys/net/ipv4/ip_local_port_range": "32768\t60999\n",
    "proc/sys/net/netfilter/nf_conntrack_max": "262144\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "17\n",
    "sys/fs/cgroup/system.slice/memory.max": "max\n",
    "sys/fs/cgroup/system.slice/ecm.service/memory.max": "8000000000\n",
    "sys/fs/cgroup/system.slice/pids.max": "500\n",
    "sys/fs/cgroup/system.slice/ecm.service/pids.max": "max\n",
    "etc/ejabberd/ejabberd.yml": "hosts:\n  - localhost\nsm_db_type: ecm\n",
    "etc/default/ejabberd": "#ERL_PROCESSES=262144\nERL_PROCESSES=2000000\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
