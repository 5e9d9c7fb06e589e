"""ejabberd in the lab: a node of its own, which can be stopped, killed and started again."""

import subprocess
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from secrets import token_hex
from typing import Any

import attrs

from bench import node
from bench.faults.clock import Clock
from bench.node import FLAGS, MODULES
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import configuration, listener
from ecm.tools.ejabberd.node import Node
from ecm.tools.errors import ToolError
from ecm.tools.ports import free_port
from testkit.servers.process import Process

_CONTROL_TIMEOUT = 600.0  # seconds for a command of ejabberdctl; one empties a node


@attrs.frozen
class EjabberdSetup:
    """``modules`` come beside those of a benchmark, ``top`` are options of the top level,
    ``accounts`` passwords by name. ``has_clock``: its system clock can be set."""

    modules: Mapping[str, Any] = attrs.Factory(dict)
    top: Mapping[str, Any] = attrs.Factory(dict)
    accounts: Mapping[str, str] = attrs.Factory(dict)
    has_clock: bool = False


@attrs.frozen
class Place:
    """A node's name and the port of Erlang's distribution, at the address in its name; its cookie
    is that of the cluster."""

    name: str = "lab@127.0.0.1"
    port: int = attrs.Factory(free_port)
    cookie: str = attrs.Factory(partial(token_hex, 16))


class Ejabberd:
    """One node; ``port`` is where it listens for links. Raises ToolError where it is to have a
    clock that is missing."""

    def __init__(
        self, home: Path, code: Sequence[Path], setup: EjabberdSetup, place: Place
    ) -> None:
        home.mkdir()
        self._home = home
        self.name = place.name
        self.port = free_port()
        self.clock = Clock(home) if setup.has_clock else None
        self._node = Node(
            home,
            home,
            installation.find(),
            place.port,
            code=code,
            name=place.name,
            flags=FLAGS.split(),
            environment={
                "ERL_CRASH_DUMP_SECONDS": "0",
                **(self.clock.environment if self.clock else {}),
            },
        )
        self._node.write(_configuration(self.port, setup), setup.accounts, place.cookie)
        self._ejabberdctl = home / "ejabberdctl"
        self._node.write_ejabberdctl(self._ejabberdctl)
        self.process = Process.of(self._node.process(pipes=True))

    def start(self) -> None:
        """Start it, and wait until it serves. Raises ToolError."""
        self.process.start()
        self.process.wait_until_ready()

    def restart(self) -> None:
        """Restart it from inside, with its sessions, and wait until it serves again. Its process
        stays. Raises ToolError."""
        (self._home / "started").unlink()
        self.control("ecm_restart")
        self.process.wait_until_ready()

    def close(self) -> None:
        """Kill it, if it runs."""
        if self.process.is_running():
            self.process.kill()
            if self.clock is not None:
                self.clock.clean(self.process.pid)

    def ask(self, command: str) -> dict[str, Any]:
        """Have bench_node do something, and return its answer. Raises ToolError."""
        return node.Node(self.process, self.port).ask(command)

    def control(self, *words: str) -> str:
        """Return what a command of ejabberdctl prints. Raises ToolError where it fails, or does not
        end."""
        try:
            done = self._run(*words)
        except subprocess.TimeoutExpired as expired:
            raise ToolError(str(expired)) from None
        if done.returncode:
            raise ToolError(f"ejabberdctl {' '.join(words)}: {done.stdout.strip()}")
        return done.stdout

    def _run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._ejabberdctl, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_CONTROL_TIMEOUT,
        )

    def knows(self, command: str) -> bool:
        """True if ejabberdctl has this command."""
        return f"Command Name: {command}\n" in self._run("help", command).stdout


def _configuration(port: int, setup: EjabberdSetup) -> dict[str, Any]:
    return configuration(
        ["localhost"],
        [listener("mod_ecm", port, max_newcomers="unlimited", newcomer_rate="unlimited")],
        {**MODULES, **setup.modules},
        **{"auth_method": "everyone", **setup.top},
    )
