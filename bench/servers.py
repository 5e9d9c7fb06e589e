"""Servers that are measured as a whole: Megaphone, and three ways to do without it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bench.measure.server_side import Server
from testkit.servers.ejabberd import Kind, node
from testkit.servers.megaphone import megaphone
from testkit.servers.nginx import nginx
from testkit.servers.process import Process
from testkit.servers.prosody import prosody

MEGAPHONE, STOCK = "ECM and mod_ecm", "ejabberd"


def ours(folder: Path, code: list[Path]) -> AbstractContextManager[Server]:
    return with_workers(folder, code, 1)


@contextmanager
def with_workers(folder: Path, code: list[Path], workers: int) -> Iterator[Server]:
    """ECM with so many workers, in front of ejabberd with mod_ecm."""
    with megaphone(folder, code, workers) as stack:
        yield Server(stack.url, {"ECM": stack.ecm, "ejabberd": stack.node.process})


@contextmanager
def stock(folder: Path, code: list[Path]) -> Iterator[Server]:
    """ejabberd's own BOSH, with nothing in front."""
    with node(Kind.BOSH, code) as alone:
        yield _server(alone.port, {"ejabberd": alone.process})


@contextmanager
def behind_nginx(folder: Path, code: list[Path]) -> Iterator[Server]:
    with node(Kind.BOSH, code) as behind, nginx(folder, behind.port) as (front, port):
        yield _server(port, {"nginx": front, "ejabberd": behind.process})


@contextmanager
def other(folder: Path, code: list[Path]) -> Iterator[Server]:
    with prosody(folder) as (process, port):
        yield _server(port, {"Prosody": process})


def _server(port: int, parts: dict[str, Process]) -> Server:
    return Server(f"http://127.0.0.1:{port}/http-bind", parts)


# Each is started with a folder, and with testkit.servers.ejabberd.compiled for nodes of ejabberd.
SERVERS: dict[str, Callable[[Path, list[Path]], AbstractContextManager[Server]]] = {
    MEGAPHONE: ours,
    STOCK: stock,
    "ejabberd behind nginx": behind_nginx,
    "Prosody": other,
}
