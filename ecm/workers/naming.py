"""The name of a process in ps and top."""

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import Final

# Where the arguments of a process are in its memory: fields of its stat, counted from the state
# behind the name of the program (proc(5)).
_ARG_START: Final = 45
_ARG_END: Final = 46


def set_name(name: str, proc: Path = Path("/proc/self")) -> None:
    """Have this process called so: by its first 15 bytes (top), and in place of its arguments (ps).

    A fork has the place of the arguments from its parent. Where the kernel does not allow it, the
    process keeps its name.
    """
    with suppress(OSError, ValueError, IndexError):
        (proc / "comm").write_text(name)
        fields = (proc / "stat").read_text().rpartition(") ")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        room = end - start
        if start and room > len(name):
            ctypes.memmove(start, name.encode().ljust(room, b"\0"), room)
