"""The program of ECM itself, as it is in its folder now."""

from pathlib import Path

import ecm


def stamp(folder: Path | None = None) -> int:
    """Return a number that differs once a module of ECM was replaced: when the last one was.

    That is the time of its change, which also a package manager that keeps times cannot set.
    """
    modules = (folder or Path(ecm.__file__).parent).rglob("*.py")
    return max((module.stat().st_ctime_ns for module in modules), default=0)
