"""ECM in the lab: started, restarted, and found with all its processes."""

import re
import socket
import sys
from collections.abc import Sequence
from configparser import RawConfigParser
from pathlib import Path

import attrs

from bench.faults.clock import Clock
from ecm.tools.ports import free_port
from testkit.paths import CHECKOUT
from testkit.servers.process import command

_TWISTD = Path(sys.executable).parent / "twistd"
_HOST = "127.0.0.1"
_LINK_UP = "link up"


@attrs.frozen
class EcmSetup:
    """The start of ECM. ``keeps_port``: systemd, or the lab in its place, holds the port open
    while ECM is down. ``before`` are words in front of its command. ``has_clock``: its system clock
    can be set. ``has_file``: it has a file of options, which may change."""

    workers: int = 1
    keeps_port: bool = True
    before: Sequence[str] = ()
    has_clock: bool = False
    has_file: bool = False


def restart_pause() -> float:
    """Return the seconds from the end of ECM to its next start, as deploy/ecm.service has it."""
    unit = RawConfigParser(strict=False)
    unit.read_string((CHECKOUT / "deploy" / "ecm.service").read_text().replace("\\\n", " "))
    return float(unit["Service"]["RestartSec"])


class Ecm:
    """One that runs in front of these upstreams; ``port`` is where users come to. Raises ToolError
    where it is to have a clock, and there is none."""

    def __init__(self, folder: Path, upstreams: Sequence[int], setup: EcmSetup) -> None:
        self._setup = setup
        self._upstreams = upstreams
        self._file = folder / "ecm.toml" if setup.has_file else None
        if self._file is not None:
            self._file.touch()
        self._listening = _listen() if setup.keeps_port else None
        self.port = self._listening.getsockname()[1] if self._listening else free_port()
        self.process = command(*self._command(), log=folder / "ecm.log")
        self.clock = Clock(folder) if setup.has_clock else None
        if self.clock is not None:
            self.process.environment = {**self.process.environment, **self.clock.environment}
        self.process.files = [self._listening.fileno()] if self._listening else ()
        self._starts = 0

    def _command(self) -> list[str | Path]:
        if self._listening is None:
            first: list[str | Path] = []
            listen = f"tcp:{self.port}:interface={_HOST}:backlog=4096"
        else:
            first = [sys.executable, "-m", "bench.faults.activated", str(self._listening.fileno())]
            listen = "systemd:domain=INET:index=0"
        words = [*self._setup.before, *first, _TWISTD, "-n", "--pidfile=", "ecm"]
        words += ["--listen", listen, "--workers", str(self._setup.workers)]
        if self._file is not None:
            words += ["--config", self._file]
        for upstream in self._upstreams:
            words += ["--upstream", f"tcp:{_HOST}:{upstream}"]
        return words

    def start(self) -> None:
        """Start it, and wait until each worker has its links. Raises ToolError."""
        self._starts += 1
        self.process.start()
        links = self._setup.workers * len(self._upstreams)
        self.process.wait_until_logged(_LINK_UP, times=links * self._starts)

    def start_soon(self) -> None:
        """Start it, and wait for nothing."""
        self.process.start()

    def close(self) -> None:
        """Kill it, if it runs."""
        if self.process.is_running():
            self.process.kill()
            if self.clock is not None:
                self.clock.clean(self.process.pid)
        if self._listening is not None:
            self._listening.close()

    def write_options(self, text: str) -> None:
        """Write its file of options; it reads them at a reload."""
        assert self._file is not None
        self._file.write_text(f"{text}\n")

    @property
    def logged(self) -> str:
        """All that it has logged."""
        assert self.process.log is not None
        return self.process.log.read_text(errors="replace")

    @property
    def workers(self) -> list[int]:
        """The process IDs of the workers, which are as their log says: others are forked, too."""
        told = re.findall(r"serving as process ([0-9]+)", self.logged)
        return [pid for pid in self.process.pids if str(pid) in told]

    @property
    def nursery(self) -> int:
        """The process from which workers are forked."""
        return self.process.pids[1]


def _listen() -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((_HOST, 0))
    listening.listen(4096)
    return listening
