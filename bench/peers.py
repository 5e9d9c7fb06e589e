"""Peers of Megaphone, chosen by name: what an operator would run instead.

Those of the system need no more than their packages; the others are in folders that
tools/debian-ejabberd and tools/debian-prosody make.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from bench import node
from bench.measure.server_side import Server
from bench.node import Kind
from bench.servers import Way, behind_nginx, prosody_alone, stock
from ecm.tools.errors import ToolError

Start = Callable[[Path], AbstractContextManager[Server]]

NGINX, PROSODY = "nginx", "prosody"

# The folders of newer ones, which begin with the name of the program.
NEWER = ("prosody-13.0.1", "ejabberd-24.12", "ejabberd-26.07")

# Those that need no folder, and all.
USUAL = (NGINX, PROSODY)
NAMES = (*USUAL, *NEWER)
ALL = "all"


def read(text: str) -> list[str]:
    """Read names with commas between, or ``all``. Raises ArgumentTypeError for what is none."""
    found = text.split(",")
    if text != ALL and not {*found} <= {*NAMES}:
        raise ArgumentTypeError(f"{text!r}: give some of {', '.join(NAMES)}, or {ALL}")
    return found


def chosen(found: list[str] | None, way: Way) -> list[str]:
    """Return the peers over this way: those that ``read`` has found, or those that need no folder.
    nginx is no more than a proxy of HTTP here."""
    if found not in (None, [ALL]):
        return found
    return [name for name in (NAMES if found else USUAL) if name != NGINX or way.kind is Kind.BOSH]


def starts(
    names: list[str], way: Way, roots: Path, place: Path, code: list[Path]
) -> dict[str, Start]:
    """Return how to start each, by the name that a table has. ``code`` is that of
    bench.node.compiled; what newer ones need is compiled into ``place``. Raises ToolError where one
    is missing, or does not take users of this way."""
    return dict(_start(name, way, roots.absolute() / name, place, code) for name in names)


def _start(name: str, way: Way, root: Path, place: Path, code: list[Path]) -> tuple[str, Start]:
    program, _, version = name.partition("-")
    if name == NGINX:
        if way.kind is not Kind.BOSH:
            raise ToolError("nginx is a peer over BOSH alone")
        return "ejabberd behind nginx", lambda folder: behind_nginx(folder, code)
    if program == PROSODY:
        if version and not (root / "bin" / "prosody").exists():
            raise ToolError(f"there is no Prosody in {root}: make it with tools/debian-prosody")
        title = f"Prosody {version}".rstrip()
        return title, partial(prosody_alone, way=way, where=root if version else None)
    with node.chosen(root):
        own = place / name
        own.mkdir()
        compiled = node.compiled(own, None)
    return f"ejabberd {version}", partial(_ejabberd, root, compiled, way)


@contextmanager
def _ejabberd(root: Path, code: list[Path], way: Way, folder: Path) -> Iterator[Server]:
    with node.chosen(root), stock(folder, code, way) as server:
        yield server
