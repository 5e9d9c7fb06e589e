"""Parsers for files of the kernel and of ejabberd.

Each function returns None if the bytes are not what they should be, as those of a missing file
(``b""``), and never raises.
"""

import re

from ecm.kernel import limit


def number(content: bytes) -> int | None:
    """The only number of a file, as in most of /proc/sys; the word ``max`` is UNLIMITED."""
    found = numbers(content)
    return found[0] if len(found) == 1 else None


def numbers(content: bytes) -> list[int]:
    """The numbers of a file that has nothing else, as tcp_mem has three; otherwise none."""
    words = [limit(word) for word in content.split()]
    found = [word for word in words if word is not None]
    return found if len(found) == len(words) else []


def at(values: list[int], place: int) -> int | None:
    """The number in a place, counted from 0."""
    return values[place] if place < len(values) else None


def ports(content: bytes) -> int | None:
    """The number of ports in ``ip_local_port_range``, which names the first and the last."""
    found = numbers(content)
    return found[1] - found[0] + 1 if len(found) == 2 and found[0] <= found[1] else None


def open_files(content: bytes) -> tuple[int | None, int | None]:
    """The soft and the hard limit of a process, from /proc/PID/limits."""
    found = re.search(rb"^Max open files\s+(\w+)\s+(\w+)\s", content, re.MULTILINE)
    return (limit(found[1]), limit(found[2])) if found else (None, None)


def cores(content: bytes) -> int | None:
    """The number of cores that a process may use, from the list ``0-3,8`` in /proc/PID/status."""
    found = re.search(rb"^Cpus_allowed_list:[ \t]*([0-9,-]+)$", content, re.MULTILINE)
    spans = [_span(part) for part in found[1].split(b",")] if found else []
    return sum(spans) if spans and all(spans) else None


def setting(content: bytes, name: str, default: int) -> int | None:
    """A number that a file of shell variables sets, as ejabberdctl.cfg does.

    The default if it does not; None if it sets something other than a number.
    """
    found = re.findall(rb"^\s*(?:export\s+)?%b=(.*)$" % name.encode(), content, re.MULTILINE)
    return number(found[-1].strip(b"\"' \t\r")) if found else default


def has_own_sessions(content: bytes) -> int:
    """1 if ejabberd.yml chooses mod_ecm's table of sessions, 0 if not."""
    chosen = re.search(
        rb"^sm_db_type:[ \t]*[\"']?ecm[\"']?[ \t\r]*(?:#.*)?$", content, re.MULTILINE
    )
    return int(chosen is not None)


def _span(part: bytes) -> int:
    """The number of numbers in ``8`` or ``0-3``; 0 for anything else."""
    found = re.fullmatch(rb"([0-9]{1,6})(?:-([0-9]{1,6}))?", part)
    return max(0, int(found[2] or found[1]) - int(found[1]) + 1) if found else 0
