"""Hides passwords of the command line from other users of the machine (ps)."""

from pathlib import Path

_ARGUMENTS = 45  # the field of their address in /proc/self/stat, counted after the name (proc(5))


def hide(argument: str) -> None:
    """Overwrite an argument, given by itself or after ``=``, in the memory that the kernel shows.

    curl does the same with passwords. Until then they are visible for a moment.
    """
    begin, end = _place()
    with Path("/proc/self/mem").open("r+b", buffering=0) as memory:
        memory.seek(begin)
        found = memory.read(end - begin).split(b"\0")
        memory.seek(begin)
        memory.write(b"\0".join(_hidden(each, argument.encode()) for each in found))


def _place() -> tuple[int, int]:
    numbers = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(numbers[_ARGUMENTS]), int(numbers[_ARGUMENTS + 1])


def _hidden(found: bytes, argument: bytes) -> bytes:
    if found == argument or found.endswith(b"=" + argument):
        return found.removesuffix(argument) + b"x" * len(argument)
    return found
