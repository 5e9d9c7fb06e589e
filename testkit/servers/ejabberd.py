"""A private ejabberd for a measurement: Debian's package, as a node with everything of its own.

Its accounts are those of ``erlang/ejabberd_auth_everyone.erl``. What can be measured from within
only, ``erlang/bench_node.erl`` measures.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.errors import ToolError
from ecm.tools.ports import free_port
from testkit.servers.process import CHECKOUT, Process

ERLANG = CHECKOUT / "bench" / "erlang"

# What a small server has, but for what keeps every message (mod_mam) and for rooms and PubSub. No
# shaper: what ejabberd can do is what is measured.
CONFIG = """\
hosts: [localhost]
loglevel: error
s2s_access: none
auth_method: everyone

listen:
  -
    ip: 127.0.0.1
    port: {port}
    backlog: 4096
    {listener}

modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_bosh:
    max_inactivity: 2 minutes
  mod_caps: {{}}
  mod_carboncopy: {{}}
  mod_client_state: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_roster: {{}}
  mod_stream_mgmt: {{}}
  mod_vcard: {{}}
  mod_version: {{}}
"""


class Kind(Enum):
    """How users come to ejabberd; as bench/load/node_users.py has it."""

    LINK = "link"
    BOSH = "bosh"
    WEBSOCKET = "websocket"
    TCP = "tcp"


LISTENERS = {
    # As long as a client asks for, it waits; and all may come at once.
    Kind.LINK: "module: mod_ecm\n    max_wait: 3600"
    "\n    max_newcomers: unlimited\n    newcomer_rate: unlimited",
    Kind.BOSH: 'module: ejabberd_http\n    request_handlers: {"/http-bind": mod_bosh}',
    Kind.WEBSOCKET: 'module: ejabberd_http\n    request_handlers: {"/ws": ejabberd_http_ws}',
    Kind.TCP: "module: ejabberd_c2s",
}

NAMES = {
    Kind.LINK: "mod_ecm",
    Kind.BOSH: "stock BOSH",
    Kind.WEBSOCKET: "stock WebSocket",
    Kind.TCP: "plain c2s over TCP",
}

# +P: processes, of which each user has up to three. +sbwt: a scheduler with nothing to do sleeps at
# once; else it burns CPU, the more the less there is to do, and that is nobody's work.
# +M: carriers of memory as small as there are; after a burst more of them are empty and given back.
ERL = (
    "erl -noshell +K true +P 2000000 +sbwt none +sbwtdcpu none +sbwtdio none"
    " +MHsmbcs 256 +MHlmbcs 256 +MBsmbcs 256 +MBlmbcs 256"
)
NETWORK = "-name bench@127.0.0.1 -kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"


@attrs.frozen
class Node:
    """One that runs, and listens for users on ``port``."""

    process: Process
    port: int

    def ask(self, command: str) -> dict[str, Any]:
        """Have ``bench_node`` do something, and return its answer."""
        self.process.say(command)
        while not (line := self.process.line()).startswith("{"):
            pass  # something else prints, too
        answer: dict[str, Any] = json.loads(line)
        return answer


def compiled(folder: Path, mod_ecm: Path | None) -> list[Path]:
    """Compile what is to run in the nodes, and return the folders in which it is.

    ``mod_ecm`` is a folder where mod_ecm is compiled already. Ends with one line where something is
    missing or does not compile.
    """
    try:
        found = installation.find()
        if mod_ecm is None:
            mod_ecm = folder / "mod_ecm"
            mod_ecm.mkdir()
            mod_ecm_build.compile_into(mod_ecm, found)
    except ToolError as error:
        raise SystemExit(str(error)) from None
    environment = os.environ | {"ERL_LIBS": str(found.libraries)}
    sources = [str(path) for path in ERLANG.glob("*.erl")]
    subprocess.run(["erlc", "-o", str(folder), *sources], env=environment, check=True)
    return [folder, mod_ecm]


@contextmanager
def node(kind: Kind, code: list[Path]) -> Iterator[Node]:
    """A fresh node, with a listener of this kind alone."""
    port = free_port()
    with TemporaryDirectory() as name:
        home = Path(name)
        (home / "ejabberd.yml").write_text(CONFIG.format(port=port, listener=LISTENERS[kind]))
        log = ["sh", "-c", f'exec "$@" 2>{home}/stderr', "sh"]
        with Process(*log, "env", *_environment(home), *_command(home, code)) as process:
            try:
                process.wait_until_listening(port)
            except RuntimeError:
                raise RuntimeError(f"ejabberd does not start: {_last_words(home)}") from None
            started = Node(process, port)
            started.ask("prepare")
            yield started


def versions(code: list[Path]) -> dict[str, str]:
    """Return the versions of what runs in a node."""
    with node(Kind.LINK, code) as subject:
        found: dict[str, str] = subject.ask("versions")
        return found


def _last_words(home: Path) -> str:
    """Return the end of what it has logged."""
    logs = [home / "ejabberd.log", home / "stderr"]
    return "".join(log.read_text()[-1000:] for log in logs if log.exists())


def _environment(home: Path) -> list[str]:
    settings = {
        "HOME": home,
        "ERL_LIBS": installation.find().libraries,
        "ERL_CRASH_DUMP_SECONDS": 0,
        "EJABBERD_CONFIG_PATH": home / "ejabberd.yml",
        "EJABBERD_LOG_PATH": home / "ejabberd.log",
    }
    return [f"{name}={value}" for name, value in settings.items()]


def _command(home: Path, code: list[Path]) -> list[str]:
    return [
        *ERL.split(),
        *NETWORK.split(),
        *("-erl_epmd_port", str(free_port())),
        *("-setcookie", secrets.token_hex(16)),
        *("-pa", *map(str, code)),
        *("-mnesia", "dir", f'"{home}/database"'),
        *("-s", "ejabberd"),
        *("-s", "bench_node"),
    ]
