"""The file that tells another program that the demo runs, and where."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.demo.errors import DemoError
from ecm.demo.plan import DOMAIN, Plan


@contextmanager
def kept(path: Path | None) -> Iterator[None]:
    """Before and after, there is no such file. None: none is wanted."""
    if path is None:
        yield
        return
    if not path.parent.is_dir():
        raise DemoError(f"{path.parent} is no folder: the ready file cannot be there")
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write(path: Path | None, plan: Plan, ecm_pid: int, ejabberd_pid: int) -> None:
    """Write it such that a reader finds no file, the earlier one, or the whole new one."""
    if path is None:
        return
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.write_text(json.dumps(content(plan, ecm_pid, ejabberd_pid), indent=2) + "\n")
    new.replace(path)


def content(plan: Plan, ecm_pid: int, ejabberd_pid: int) -> dict[str, object]:
    """What is in the file: one JSON object."""
    return {
        "bosh": plan.bosh,
        "page": plan.page,
        "link": plan.link,
        "domain": DOMAIN,
        "users": dict(plan.users),
        "pids": {"ecm": ecm_pid, "ejabberd": ejabberd_pid},
        "dir": str(plan.folder.path),
        "logs": str(plan.folder.logs),
    }
