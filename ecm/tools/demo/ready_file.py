"""The ready file: it tells other programs that the demo runs, and where."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecm.tools import private
from ecm.tools.demo.plan import DOMAIN, Plan
from ecm.tools.errors import ToolError


@contextmanager
def kept(path: Path | None) -> Iterator[None]:
    """Remove the file before and after the block. None: no file is wanted."""
    if path is None:
        yield
        return
    if not path.parent.is_dir():
        raise ToolError(f"{path.parent} is not a folder: the ready file cannot be there")
    path.unlink(missing_ok=True)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def write(path: Path | None, plan: Plan, ecm_pid: int, ejabberd_pid: int) -> None:
    """Write the file atomically. Only its owner can read it: it has passwords."""
    if path is None:
        return
    private.write(path, json.dumps(content(plan, ecm_pid, ejabberd_pid), indent=2) + "\n")


def content(plan: Plan, ecm_pid: int, ejabberd_pid: int) -> dict[str, object]:
    """Return the content of the file: one JSON object."""
    return {
        "websocket": plan.websocket,
        "bosh": plan.bosh,
        "xmpp": plan.xmpp,
        "certificate": str(plan.folder.certificate),
        "page": plan.page,
        "link": plan.link,
        "secret": str(plan.folder.link_secret),
        "domain": DOMAIN,
        "users": dict(plan.users),
        "pids": {"ecm": ecm_pid, "ejabberd": ejabberd_pid},
        "dir": str(plan.folder.path),
        "logs": str(plan.folder.logs),
    }
