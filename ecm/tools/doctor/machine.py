"""The limits of a machine, as far as they are known."""

import attrs


@attrs.frozen
class Machine:
    """Counts, unless a unit is named. None is "not known", kernel.UNLIMITED "no limit"."""

    cores: int | None = None

    # Files that this process may open, and so what it starts.
    soft_files: int | None = None
    hard_files: int | None = None
    nr_open: int | None = None  # the most that hard_files can be raised to
    file_max: int | None = None  # of all processes
    files_now: int | None = None

    # Connections that are on their way to a listening port.
    somaxconn: int | None = None
    syn_backlog: int | None = None
    syncookies: int | None = None  # 0: off

    tcp_pages: int | None = None  # the most memory of all sockets' buffers
    most_tracked: int | None = None  # connections that the firewall follows
    tracked_now: int | None = None
    ports: int | None = None  # for connections that begin here, to one address and port

    memory: int | None = None  # bytes that are available
    cgroup_memory: int | None = None  # bytes
    cgroup_tasks: int | None = None  # processes and threads

    erlang_processes: int | None = None  # in one ejabberd
    own_sessions: int | None = None  # 1: it has the table of sessions of mod_ecm; 0: its own
