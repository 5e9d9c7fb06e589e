"""Servers that are measured as a whole: Megaphone, and three ways to do without it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import attrs

from bench.measure.server_side import Server
from bench.node import Kind, Node, node
from testkit.servers.megaphone import certificate, ecm
from testkit.servers.nginx import nginx
from testkit.servers.process import Process
from testkit.servers.prosody import prosody

# The services of bench.node.MODULES, as far as Prosody has them; as there, nothing keeps every
# message, and nothing is held back. Its accounts are those of lua/mod_auth_everyone.lua.
PROSODY_MODULES = (
    *("blocklist", "carbons", "csi_simple", "disco", "lastactivity", "offline", "ping"),
    *("private", "roster", "smacks", "vcard", "version"),
)
PROSODY_SETTINGS = f"""\
plugin_paths = {{ "{Path(__file__).parent / "lua"}" }}
network_settings = {{ tcp_backlog = 4096 }}
authentication = "everyone"
bosh_max_inactivity = 120"""

MEGAPHONE, STOCK = "ECM and mod_ecm", "ejabberd"


@attrs.frozen
class Way:
    """A way for users to come: scheme and path of the URL, and the listener of stock ejabberd.

    With TLS, Megaphone's is lean.
    """

    scheme: str
    path: str
    kind: Kind
    tls: bool = False

    def url(self, port: int) -> str:
        return f"{self.scheme}://127.0.0.1:{port}{self.path}"


BOSH = "bosh"
WAYS = {
    BOSH: Way("http", "/http-bind", Kind.BOSH),
    "websocket": Way("ws", "/ws", Kind.WEBSOCKET),
    "websocket-tls": Way("wss", "/ws", Kind.WEBSOCKET, tls=True),
    "tls": Way("xmpps", "", Kind.TCP, tls=True),
}


@attrs.frozen
class Stack:
    """``url`` is where users come to."""

    node: Node
    ecm: Process
    url: str


@contextmanager
def megaphone(
    folder: Path, code: list[Path], workers: int, way: Way = WAYS[BOSH]
) -> Iterator[Stack]:
    """Start both; ``code`` is that of bench.node.compiled."""
    more = ("--lean-tls",) if way.tls else ()
    with (
        node(Kind.LINK, code) as subject,
        ecm(folder, subject.port, way.tls, "typed", workers, more) as (front_end, port),
    ):
        yield Stack(subject, front_end, way.url(port))


def ours(folder: Path, code: list[Path]) -> AbstractContextManager[Server]:
    return with_workers(folder, code, 1)


@contextmanager
def with_workers(
    folder: Path, code: list[Path], workers: int, way: Way = WAYS[BOSH]
) -> Iterator[Server]:
    """ECM with so many workers, in front of ejabberd with mod_ecm."""
    with megaphone(folder, code, workers, way) as stack:
        yield Server(stack.url, {"ECM": stack.ecm, "ejabberd": stack.node.process})


@contextmanager
def stock(folder: Path, code: list[Path], way: Way = WAYS[BOSH]) -> Iterator[Server]:
    """ejabberd's own way, with nothing in front."""
    files = certificate(folder) if way.tls else None
    with node(way.kind, code, certificate=files) as alone:
        yield Server(way.url(alone.port), {"ejabberd": alone.process})


@contextmanager
def behind_nginx(folder: Path, code: list[Path]) -> Iterator[Server]:
    with node(Kind.BOSH, code) as behind, nginx(folder, behind.port) as (front, port):
        yield _server(port, {"nginx": front, "ejabberd": behind.process})


@contextmanager
def other(folder: Path, code: list[Path]) -> Iterator[Server]:
    with prosody(folder, PROSODY_MODULES, PROSODY_SETTINGS) as (process, port):
        yield _server(port, {"Prosody": process})


def _server(port: int, parts: dict[str, Process]) -> Server:
    return Server(f"http://127.0.0.1:{port}/http-bind", parts)


# Each is started with a folder, and with bench.node.compiled for nodes of ejabberd.
SERVERS: dict[str, Callable[[Path, list[Path]], AbstractContextManager[Server]]] = {
    MEGAPHONE: ours,
    STOCK: stock,
    "ejabberd behind nginx": behind_nginx,
    "Prosody": other,
}
