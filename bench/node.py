"""The ejabberd of a measurement.

Its accounts are those of an ``erlang/ejabberd_auth_*.erl``.
What can be measured from within only, ``erlang/bench_node.erl`` measures.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from typing import Any

import attrs

from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.errors import ToolError
from ecm.tools.ports import free_port
from testkit.servers import ejabberd
from testkit.servers.process import Process

EVERYONE = "everyone"  # the accounts that take no time

ERLANG = Path(__file__).parent / "erlang"

# ejabberd with mod_ecm has the table of sessions that comes with it, as the README of mod_ecm
# advises for many users.
SESSIONS = {"sm_db_type": "ecm"}

# What a small server has, but for what keeps every message (mod_mam) and for rooms and PubSub. No
# shaper: what ejabberd can do is what is measured.
MODULES = {
    **without_options("mod_adhoc", "mod_blocking", "mod_caps", "mod_carboncopy"),
    **without_options("mod_client_state", "mod_disco", "mod_last", "mod_offline", "mod_ping"),
    **without_options("mod_privacy", "mod_private", "mod_roster", "mod_stream_mgmt"),
    **without_options("mod_vcard", "mod_version"),
    "mod_bosh": {"max_inactivity": "2 minutes"},
}


class Kind(Enum):
    """The way in which users come to ejabberd, as bench/load/node_users.py has it."""

    LINK = "link"
    BOSH = "bosh"
    WEBSOCKET = "websocket"
    TCP = "tcp"


LISTENERS: dict[Kind, dict[str, Any]] = {
    # As long as a client asks for, it waits; and all may come at once.
    Kind.LINK: {
        "module": "mod_ecm",
        "max_wait": 3600,
        "max_newcomers": "unlimited",
        "newcomer_rate": "unlimited",
    },
    Kind.BOSH: {"module": "ejabberd_http", "request_handlers": {"/http-bind": "mod_bosh"}},
    Kind.WEBSOCKET: {"module": "ejabberd_http", "request_handlers": {"/ws": "ejabberd_http_ws"}},
    Kind.TCP: {"module": "ejabberd_c2s"},
}

NAMES = {
    Kind.LINK: "mod_ecm",
    Kind.BOSH: "stock BOSH",
    Kind.WEBSOCKET: "stock WebSocket",
    Kind.TCP: "plain c2s over TCP",
}

# +P: processes, of which each user has up to three. +sbwt: a scheduler with nothing to do sleeps at
# once; otherwise it burns CPU, the more the less there is to do, and that is nobody's work.
# +M: carriers of memory as small as there are; after a burst more of them are empty and given back.
# memsup: nobody asks each process for its memory, once a minute.
FLAGS = (
    "+P 2000000 +sbwt none +sbwtdcpu none +sbwtdio none"
    " +MHsmbcs 256 +MHlmbcs 256 +MBsmbcs 256 +MBlmbcs 256"
    " -os_mon memsup_system_only true -s bench_node"
)


_more_flags: ContextVar[str] = ContextVar("more_flags", default="")


@attrs.frozen
class Node:
    """One that runs, and listens for users on ``port``."""

    process: Process
    port: int

    def ask(self, command: str) -> dict[str, Any]:
        """Have ``bench_node`` do something, and return its answer. Raises ToolError where it
        fails."""
        self.process.say(command)
        while not (line := self.process.line()).startswith("{"):
            if line.startswith("failed "):  # something else prints, too
                raise ToolError(f"ejabberd has not done {command!r}: it {line}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def chosen(folder: Path | None) -> Iterator[None]:
    """Have whatever starts ejabberd take the one in this folder, or that of the system."""
    before = os.environ.get(installation.FOLDER, "")
    os.environ[installation.FOLDER] = str(folder or "")
    try:
        yield
    finally:
        os.environ[installation.FOLDER] = before


@contextmanager
def more_flags(flags: str) -> Iterator[None]:
    """Have each node start with these flags of the emulator, too."""
    before = _more_flags.set(flags)
    try:
        yield
    finally:
        _more_flags.reset(before)


def compiled(folder: Path, mod_ecm: Path | None) -> list[Path]:
    """Compile what is to run in the nodes, and return the folders in which it is.

    ``mod_ecm`` is a folder where mod_ecm is compiled already. Raises ToolError where something is
    missing or does not compile.
    """
    found = installation.find()
    if mod_ecm is None:
        mod_ecm = folder / "mod_ecm"
        mod_ecm.mkdir()
        mod_ecm_build.compile_into(mod_ecm, found)
    command = [found.erlc, "-o", str(folder), *map(str, ERLANG.glob("*.erl"))]
    subprocess.run(command, env=found.environment(), check=True)
    return [folder, mod_ecm]


@contextmanager
def node(
    kind: Kind,
    code: list[Path],
    auth_method: str = EVERYONE,
    certificate: Path | None = None,
    **options: Any,
) -> Iterator[Node]:
    """A fresh node, with a listener of this kind alone; ``options`` are more of the listener.

    With the auth_method ``hashed`` logins with PLAIN take as long as in practice; with ``salted``
    there is SCRAM-SHA-1. With a certificate there is
    TLS from the first byte.
    """
    port = free_port()
    more = {} if certificate is None else {"certfiles": [str(certificate)]}
    options |= {} if certificate is None else {"tls": True}
    config = configuration(
        ["localhost"],
        [listener(port=port, backlog=4096, **LISTENERS[kind], **options)],
        MODULES,
        loglevel="error",
        auth_method=auth_method,
        **(SESSIONS if kind is Kind.LINK else {}),
        **more,
    )
    flags = f"{_more_flags.get()} {FLAGS}".split()
    with ejabberd.started(config, code=code, flags=flags, pipes=True) as process:
        started = Node(process, port)
        started.ask("prepare")
        yield started


def versions(code: list[Path]) -> dict[str, str]:
    """Return the versions of what runs in a node."""
    with node(Kind.LINK, code) as subject:
        found: dict[str, str] = subject.ask("versions")
        return found | {"sessions with mod_ecm": f"sm_db_type: {SESSIONS['sm_db_type']}"}
