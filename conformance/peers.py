"""Servers that the suite starts for itself, from Debian's packages, to be tried by it.

Each is a private instance with a folder, ports, accounts and a database of its own, on loopback,
and goes with the suite. Nothing of a server of the machine's is used or touched.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from conformance.errors import SuiteError
from conformance.peer_config import EJABBERD, ERLANG_START, PROSODY
from conformance.target import Target, target

DOMAIN = "localhost"
USERS = {"alice": "secret", "bob": "secret"}

_START = 60.0  # seconds that a server may take to be there
_STOP = 10.0  # and to be gone


@dataclass(frozen=True)
class Peer:
    """A server that runs, and how it is called in the table."""

    title: str
    target: Target


@contextmanager
def started(name: str) -> Iterator[Peer]:
    """Start this one, and stop it in the end. Raises SuiteError."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        peer, process = _STARTERS[name](Path(folder))
        try:
            _wait_for(peer.target.port, process, Path(folder) / "log")
            yield peer
        finally:
            _stop(process)


def _ejabberd(folder: Path) -> tuple[Peer, subprocess.Popen[bytes]]:
    port, distribution = _free_port(), _free_port()
    libraries = _only("ejabberd", "usr/lib/*/ejabberd-*/ebin/ejabberd.app").parents[2]
    (folder / "ejabberd.yml").write_text(EJABBERD.format(domain=DOMAIN, port=port))
    accounts = ", ".join(f'{{"{name}", "{password}"}}' for name, password in USERS.items())
    command = [
        *(_program("erl"), "+K", "true", "-name", f"conformance{distribution}@127.0.0.1"),
        *("-setcookie", f"conformance{distribution}", "-start_epmd", "false"),
        *("-kernel", "inet_dist_use_interface", "{127,0,0,1}"),
        *("-erl_epmd_port", str(distribution), "-mnesia", "dir", '"database"', "-noinput"),
        *("-s", "ejabberd", "-eval", ERLANG_START.format(domain=DOMAIN, accounts=accounts)),
    ]
    own = {"EJABBERD_CONFIG_PATH": "ejabberd.yml", "EJABBERD_LOG_PATH": "ejabberd.log"}
    environment = {"ERL_LIBS": str(libraries), "ERL_CRASH_DUMP": "crash", **own}
    process = _run(command, folder, environment)
    _wait_until((folder / "ready").exists, process, folder / "log")
    return _peer(f"ejabberd {_version('ejabberd')}", f"http://127.0.0.1:{port}/bosh"), process


def _prosody(folder: Path) -> tuple[Peer, subprocess.Popen[bytes]]:
    port = _free_port()
    config = folder / "prosody.cfg.lua"
    config.write_text(PROSODY.format(domain=DOMAIN, port=port, folder=folder))
    accounts = folder / "data" / DOMAIN / "accounts"
    accounts.mkdir(parents=True)
    for name, password in USERS.items():
        (accounts / f"{name}.dat").write_text(f'return {{ ["password"] = "{password}" }};\n')
    process = _run([_program("prosody"), "-F", "--config", str(config)], folder, {})
    return _peer(f"Prosody {_version('prosody')}", f"http://127.0.0.1:{port}/http-bind"), process


def _megaphone(folder: Path) -> tuple[Peer, subprocess.Popen[bytes]]:
    ready = folder / "ready"
    command = [str(Path(sys.executable).parent / "ecm-demo"), "--http", "0"]
    process = _run([*command, "--ready-file", str(ready)], folder, {})
    _wait_until(ready.exists, process, folder / "log")
    told = json.loads(ready.read_text())
    users = dict(list(told["users"].items())[: len(USERS)])
    return _peer("Megaphone", told["bosh"], told["domain"], users), process


_STARTERS: dict[str, Callable[[Path], tuple[Peer, subprocess.Popen[bytes]]]] = {
    "ejabberd": _ejabberd,
    "prosody": _prosody,
    "megaphone": _megaphone,
}


def _peer(title: str, url: str, domain: str = DOMAIN, users: Mapping[str, str] = USERS) -> Peer:
    accounts = ",".join(f"{name}:{password}" for name, password in users.items())
    return Peer(title, target(url, domain, accounts))


def _run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start it in its folder. The kernel kills it if the suite is killed."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ERL_", "EJABBERD_", "PROSODY_"))
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [_program("setpriv"), "--pdeathsig", "TERM", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={**inherited, "HOME": str(folder), **environment},
            start_new_session=True,
        )


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    def listens() -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    _wait_until(listens, process, log)


def _wait_until(done: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START
    while not done():
        if process.poll() is not None or time.monotonic() > deadline:
            _stop(process)
            raise SuiteError(f"the server did not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.05)


def _free_port() -> int:
    """A port that is nobody else's for a minute, but for who sets SO_REUSEADDR, as servers do."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.listen()
        with socket.create_connection(probe.getsockname()):
            probe.accept()[0].close()  # the side that closes first is left in TIME-WAIT
        return int(probe.getsockname()[1])


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SuiteError(f"{name} is missing; as root: tools/setup-debian install {name}")
    return found


def _only(package: str, pattern: str) -> Path:
    for path in Path("/").glob(pattern):
        return path
    raise SuiteError(f"{package} is missing; as root: tools/setup-debian install {package}")


def _version(package: str) -> str:
    """Of Debian's package, without Debian's own part."""
    query = ["dpkg-query", "--show", "--showformat", "${Version}", package]
    done = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.partition("-")[0]
