"""Servers that are measured as a whole: Megaphone, and ways to do without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from bench.measure.server_side import Server
from bench.node import EVERYONE, Kind, Node, node
from ecm.tools.ports import free_port
from testkit.servers.megaphone import certificate, ecm
from testkit.servers.nginx import nginx
from testkit.servers.process import Process
from testkit.servers.prosody import prosody

# The services of bench.node.MODULES, as far as Prosody has them; as there, nothing keeps every
# message, and nothing is held back. Its accounts are those of lua/mod_auth_everyone.lua.
PROSODY_MODULES = (
    *("blocklist", "carbons", "csi_simple", "disco", "lastactivity", "offline", "ping"),
    *("private", "roster", "smacks", "vcard", "version", "websocket"),
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


BOSH, WEBSOCKET = "bosh", "websocket"
WAYS = {
    BOSH: Way("http", "/http-bind", Kind.BOSH),
    WEBSOCKET: Way("ws", "/ws", Kind.WEBSOCKET),
    "websocket-tls": Way("wss", "/ws", Kind.WEBSOCKET, tls=True),
    "tls": Way("xmpps", "", Kind.TCP, tls=True),
}

# XMPP over TCP without TLS, which is for measurements: what TLS takes is not a login.
PLAIN_TCP = Way("xmpp", "", Kind.TCP)

# Of Prosody, which calls its WebSocket otherwise.
PROSODY_WAYS = {
    Kind.BOSH: WAYS[BOSH],
    Kind.WEBSOCKET: Way("ws", "/xmpp-websocket", Kind.WEBSOCKET),
}


@attrs.frozen
class Stack:
    """``url`` is where users come to."""

    node: Node
    ecm: Process
    url: str


@contextmanager
def megaphone(
    folder: Path,
    code: list[Path],
    workers: int,
    way: Way = WAYS[BOSH],
    accounts: str = EVERYONE,
) -> Iterator[Stack]:
    """Start both; ``code`` is that of bench.node.compiled, ``accounts`` one of bench/erlang."""
    more: tuple[str, ...] = ("--lean-tls",) if way.tls else ()
    stream_port = free_port() if way is PLAIN_TCP else None
    if stream_port:
        more += ("--stream", f"plain:tcp:{stream_port}:interface=127.0.0.1:backlog=4096")
    with (
        node(Kind.LINK, code, accounts) as subject,
        ecm(folder, subject.port, way.tls, "typed", workers, more) as (front_end, port),
    ):
        yield Stack(subject, front_end, way.url(stream_port or port))


@contextmanager
def with_workers(
    folder: Path,
    code: list[Path],
    workers: int,
    way: Way = WAYS[BOSH],
    accounts: str = EVERYONE,
) -> Iterator[Server]:
    """ECM with so many workers, in front of ejabberd with mod_ecm."""
    with megaphone(folder, code, workers, way, accounts) as stack:
        yield Server(stack.url, {"ECM": stack.ecm, "ejabberd": stack.node.process})


@contextmanager
def stock(
    folder: Path, code: list[Path], way: Way = WAYS[BOSH], accounts: str = EVERYONE
) -> Iterator[Server]:
    """ejabberd's own way, with nothing in front."""
    files = certificate(folder) if way.tls else None
    with node(way.kind, code, accounts, certificate=files) as alone:
        yield Server(way.url(alone.port), {"ejabberd": alone.process})


@contextmanager
def behind_nginx(folder: Path, code: list[Path]) -> Iterator[Server]:
    with node(Kind.BOSH, code) as behind, nginx(folder, behind.port) as (front, port):
        yield Server(WAYS[BOSH].url(port), {"nginx": front, "ejabberd": behind.process})


@contextmanager
def prosody_alone(folder: Path, way: Way, where: Path | None = None) -> Iterator[Server]:
    """Prosody: that of the system, or another one."""
    own = PROSODY_WAYS[way.kind]
    with prosody(folder, PROSODY_MODULES, PROSODY_SETTINGS, where=where) as (process, port):
        yield Server(own.url(port), {"Prosody": process})
