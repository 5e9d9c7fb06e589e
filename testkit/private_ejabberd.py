"""A private ejabberd with many listeners for links, which the tests of links share."""

import os
from functools import cache
from pathlib import Path

import attrs
from twisted.internet.utils import getProcessOutput

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd import installation, mod_ecm_build, node
from ecm.tools.errors import ProcessFailed
from ecm.tools.process import Process
from testkit.erlang_shell import Node
from testkit.lasting import LASTING
from testkit.listeners import Listeners


@attrs.frozen
class PrivateEjabberd:
    """The node. ``log`` is what it logs, each line at once."""

    listeners: Listeners
    _process: Process
    _ejabberdctl: Path

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> Path:
        assert self._process.log is not None
        return self._process.log

    @property
    def node(self) -> Node:
        """Where Erlang can be evaluated."""
        command = self._process.command
        name = command[command.index("-name") + 1]
        return Node(name, self.listeners.distribution_port, self._process.cwd)

    def start(self) -> None:
        """Start it, if it has ended."""
        if self._process.ending() is not None:
            _start(self._process)

    def stop(self) -> None:
        """Stop it, and wait for its end."""
        self._process.stop()

    async def control(self, *command: str) -> str:
        """Return what a command of ejabberdctl says."""
        output: bytes = await getProcessOutput(str(self._ejabberdctl), command, dict(os.environ))
        return output.decode()


def running_ejabberd() -> PrivateEjabberd:
    """Return the node, which runs now. It stops with the tests."""
    node = _node()
    node.start()
    return node


@cache
def _node() -> PrivateEjabberd:
    folder = LASTING.enter_context(work_folder(None))
    found = installation.find()
    mod_ecm_build.compile_into(folder.ebin, found)
    listeners = Listeners(folder.path)
    port = listeners.distribution_port
    plan = Plan(folder, page_port=0, link_port=0, distribution_port=port, users={})
    process = node.prepare(plan, found)
    (folder.ejabberd / "ejabberd.yml").write_text(listeners.ejabberd_yml())
    LASTING.callback(process.stop)
    _start(process)
    return PrivateEjabberd(listeners, process, folder.ejabberdctl)


def _start(process: Process) -> None:
    process.start()
    try:
        process.wait_until_ready()
    except ProcessFailed as failed:
        raise AssertionError(f"{failed}\n{process.log and process.log.read_text()}") from None
