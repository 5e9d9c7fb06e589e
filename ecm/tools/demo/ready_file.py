"""The file that tells another program that the demo runs, and where."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools import private
from ecm.tools.demo.plan import DOMAIN, Plan
from ecm.tools.errors import ToolError


@contextmanager
def kept(path: Path | None) -> Iterator[None]:
    """Before and after, there is no such file. None: none is wanted."""
    if path is None:
        yield
        return
    if not path.parent.is_dir():
        raise ToolError(f"{path.parent} is no folder: the ready file cannot be there")
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write(path: Path | None, plan: Plan, ecm_pid: int, ejabberd_pid: int) -> None:
    """Write it such that a reader finds no file, the earlier one, or the whole new one.

    It has passwords, and is its owner's alone.
    """
    if path is None:
        return
    private.write(path, json.dumps(content(plan, ecm_pid, ejabberd_pid), indent=2) + "\n")


def content(plan: Plan, ecm_pid: int, ejabberd_pid: int) -> dict[str, object]:
    """What is in the file: one JSON object."""
    return {
        "bosh": plan.bosh,
        "page": plan.page,
        "link": plan.link,
        "secret": str(plan.folder.link_secret),
        "domain": DOMAIN,
        "users": dict(plan.users),
        "pids": {"ecm": ecm_pid, "ejabberd": ejabberd_pid},
        "dir": str(plan.folder.path),
        "logs": str(plan.folder.logs),
    }
