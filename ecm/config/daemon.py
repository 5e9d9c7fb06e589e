"""The options of twistd itself, which stand before ``ecm``: those that Twisted does not check."""

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

# Files that twistd writes, with what to do where it cannot.
_FILES: Final = {
    "pidfile": "give --pidfile= for none, or --pidfile FILE, before ecm",
    "logfile": "give another --logfile, before ecm",
}


def enter(given: MutableMapping[str, Any]) -> None:
    """Go to --rundir before twistd does: paths are the same ones at a start and at a reload then.

    Raises ValueError if there is none.
    """
    folder = given["rundir"]
    if given["chroot"]:
        return  # it is within
    if not os.path.isdir(folder):
        raise ValueError(f"--rundir {folder}: there is no such folder")
    try:
        os.chdir(folder)
    except OSError as error:
        raise ValueError(f"--rundir {folder}: {error.strerror}") from None
    given["rundir"] = "."


def check(given: Mapping[str, Any]) -> None:
    """Raise ValueError where twistd cannot work as it was told to."""
    if given["chroot"]:
        _check_chroot(given["chroot"])
        return  # paths are those within
    for name, advice in _FILES.items():
        if given[name] and given[name] != "-":
            file = Path(given[name])
            if why := _why_not_written(file):
                raise ValueError(f"--{name} {given[name]}: {why}; {advice}")


def _check_chroot(folder: str) -> None:
    if not os.path.isdir(folder):
        raise ValueError(f"--chroot {folder}: there is no such folder")
    if os.geteuid() != 0:
        raise ValueError(f"--chroot {folder}: only root may; leave it out, before ecm")


def _why_not_written(file: Path) -> str:
    """Return why a file cannot be written; "" if it can."""
    if not os.path.isdir(file.parent):
        return f"there is no folder {file.parent}"
    if os.path.isdir(file):
        return "it is a folder"
    is_there = os.path.exists(file)
    if not os.access(file if is_there else file.parent, os.W_OK):
        return f"this user may not write {'it' if is_there else f'in {file.parent.absolute()}'}"
    return ""
