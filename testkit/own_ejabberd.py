"""A private ejabberd of a test's own, which the test may stop, restart and configure anew."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from resource import RLIMIT_FSIZE, prlimit
from typing import Any

import attrs
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.compiled import compiled
from testkit.link_user import PASSWORD
from testkit.servers.process import Process

MODULES = without_options(
    *("mod_admin_extra", "mod_carboncopy", "mod_disco", "mod_ecm", "mod_muc", "mod_offline"),
    *("mod_privacy", "mod_roster", "mod_stream_mgmt"),
)

# A file that becomes too large is an error then, and does not kill the process.
_SURVIVES_LIMIT = ("env", "--ignore-signal=XFSZ")

_PATIENCE = 60.0  # seconds; a start takes about three
_LOOK = 0.02  # seconds


@attrs.frozen
class OwnEjabberd:
    """The node. ``link_port`` is where it listens for links, also after it has been restarted."""

    node: Node
    link_port: int
    _process: Process
    _ejabberdctl: Path

    @classmethod
    def start(
        cls, test: TestCase, *names: str, environment: Mapping[str, str] = {}, **options: Any
    ) -> "OwnEjabberd":
        """Start one with these accounts. It ends with the test. See ``configure``.

        ``environment`` are further variables.
        """
        folder = test.enterContext(work_folder(None))
        ejabberd = cls._prepare(folder, environment)
        test.addCleanup(ejabberd._process.kill)
        ejabberd.configure(*names, **options)
        ejabberd.start_again()
        return ejabberd

    @classmethod
    def _prepare(cls, folder: Folder, environment: Mapping[str, str]) -> "OwnEjabberd":
        found = installation.find()
        node = Node(
            folder.ejabberd,
            folder.logs,
            found,
            free_port(),
            code=[compiled(found)],
            environment=environment,
        )
        node.write_ejabberdctl(folder.ejabberdctl)
        process = Process.of(node.process())
        process.command = [*_SURVIVES_LIMIT, *process.command]
        return cls(node, free_port(), process, folder.ejabberdctl)

    def configure(
        self,
        *names: str,
        modules: Mapping[str, Any] = MODULES,
        host: str = DOMAIN,
        access: str = "all",
        link: Mapping[str, Any] = {},
        **options: Any,
    ) -> None:
        """Write what the node has from its next start on.

        ``access`` is the rule by which users may log in; ``link`` has further options of the
        listener, and ``options`` are those of the top level.
        """
        ours = listener("mod_ecm", self.link_port, access=access, **link)
        accounts = dict.fromkeys(names, PASSWORD)
        self.node.write(configuration([host], [ours], modules, **options), accounts)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def spool(self) -> Path:
        """The folder of its database."""
        return self.node.home / "database"

    @property
    def log(self) -> str:
        """All that it has said, since its first start."""
        return self.node.console_log.read_text()

    async def logged(self, text: str, times: int = 1) -> None:
        """Wait until it has said this so many times: it writes its log by and by."""
        await _until(lambda: self.log.count(text) >= times, f"it does not log: {text}")

    def start_again(self) -> None:
        """Start it once its last process has ended, and wait until it does its work.

        A node that has said that it stops still listens for a moment.
        """
        self._process.wait_until_ended()
        self._process.start()
        self._process.wait_until_ready()

    def forget_start(self) -> None:
        """Have ``restarted`` wait for the next start of the same process."""
        (self.node.home / "started").unlink()

    async def restarted(self) -> None:
        """Wait until it does its work again."""
        await _until(self._process.is_ready, "it does not start")

    async def ended(self) -> None:
        """Wait until its process has ended by itself."""
        await _until(lambda: not self._process.is_running(), "it does not end")

    def limit_files(self, size: int) -> None:
        """Have writes fail beyond so many bytes of a file."""
        _, hard = prlimit(self.pid, RLIMIT_FSIZE)
        prlimit(self.pid, RLIMIT_FSIZE, (size, hard))

    def terminate(self) -> None:
        """Have it stop, as systemd does at a shutdown of the machine."""
        self._process.running.terminate()

    async def control(self, *command: str) -> tuple[str, int]:
        """Return what a command of ejabberdctl says, and its exit status."""
        out, err, status = await getProcessOutputAndValue(
            str(self._ejabberdctl), command, dict(os.environ)
        )
        return (out + err).decode(), status


async def _until(done: Callable[[], bool], why_not: str) -> None:
    deadline = reactor.seconds() + _PATIENCE
    while not done():
        assert reactor.seconds() < deadline, why_not
        await deferLater(reactor, _LOOK)
