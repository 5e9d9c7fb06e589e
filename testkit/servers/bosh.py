"""Servers that speak BOSH, as their packages configure them, for what tries any such server.

With two exceptions: an inactivity of 7 seconds, so that nobody waits long for the end of a session,
and PLAIN without TLS, as all is loopback. Each is a private instance with a folder, ports, accounts
and a database of its own.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ports import free_port
from testkit.servers import ejabberd, prosody
from testkit.servers.process import command, version

DOMAIN = "localhost"
USERS = {"alice": "secret", "bob": "secret"}


@dataclass(frozen=True)
class BoshServer:
    """One that runs: its name and version, and how its users (name -> password) come to it."""

    title: str
    url: str
    domain: str
    users: Mapping[str, str]


def started(name: str, users: Mapping[str, str] = USERS) -> AbstractContextManager[BoshServer]:
    """Start the server with this name, one of SERVERS. Raises ToolError."""
    return SERVERS[name](users)


@contextmanager
def _ejabberd(users: Mapping[str, str]) -> Iterator[BoshServer]:
    port = free_port()
    config = configuration(
        [DOMAIN],
        [listener("ejabberd_http", port, request_handlers={"/bosh": "mod_bosh"})],
        {
            "mod_bosh": {"max_inactivity": "7 seconds"},
            **without_options("mod_disco", "mod_offline", "mod_roster"),
        },
        registration_timeout="infinity",
    )
    with ejabberd.started(config, users) as process:
        process.wait_until_listening(port)
        title = f"ejabberd {installation.find().version}"
        yield BoshServer(title, f"http://127.0.0.1:{port}/bosh", DOMAIN, users)


@contextmanager
def _prosody(users: Mapping[str, str]) -> Iterator[BoshServer]:
    settings = 'authentication = "internal_plain"\nbosh_max_inactivity = 7'
    modules = ("disco", "offline", "roster")
    with (
        TemporaryDirectory() as folder,
        prosody.prosody(Path(folder), modules, settings, users) as (_, port),
    ):
        title = f"Prosody {version('prosody')}"
        yield BoshServer(title, f"http://127.0.0.1:{port}/http-bind", prosody.DOMAIN, users)


@contextmanager
def _megaphone(users: Mapping[str, str]) -> Iterator[BoshServer]:
    """ecm-demo, which has users of its own: as many of them as are wanted."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        ready = folder / "ready"
        demo = str(Path(sys.executable).parent / "ecm-demo")
        words = [demo, "--http", "0", "--xmpp", "0", "--ready-file", str(ready)]
        with command(*words, log=folder / "log") as process:
            process.wait_until(ready.exists)
            told = json.loads(ready.read_text())
            own = dict(list(told["users"].items())[: len(users)])
            yield BoshServer("Megaphone", told["bosh"], told["domain"], own)


SERVERS: dict[str, Callable[[Mapping[str, str]], AbstractContextManager[BoshServer]]] = {
    "ejabberd": _ejabberd,
    "prosody": _prosody,
    "megaphone": _megaphone,
}
