"""A private ejabberd with many listeners for links, which the tests of links share."""

import os
from functools import cache
from pathlib import Path

import attrs
from twisted.internet.utils import getProcessOutput

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import Plan
from ecm.tools.ejabberd import debian, mod_ecm_build, node
from ecm.tools.errors import ChildFailed
from ecm.tools.process import Child
from ecm.tools.supervisor import Supervisor
from testkit.erlang_shell import Node
from testkit.lasting import LASTING
from testkit.listeners import Listeners


@attrs.frozen
class PrivateEjabberd:
    """The node. ``log`` is what it logs, each line at once."""

    listeners: Listeners
    _child: Child
    _ejabberdctl: Path

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def log(self) -> Path:
        return self._child.log

    @property
    def node(self) -> Node:
        """Where Erlang can be evaluated."""
        command = self._child.command
        name = command[command.index("-name") + 1]
        return Node(name, self.listeners.distribution_port, self._child.cwd)

    def start(self) -> None:
        """Start it, if it has ended."""
        if self._child.ending() is not None:
            _start(self._child)

    def stop(self) -> None:
        """Stop it, and wait for its end."""
        self._child.stop()

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
    found = debian.find()
    mod_ecm_build.compile_into(folder.ebin, found)
    listeners = Listeners(folder.path)
    port = listeners.distribution_port
    plan = Plan(folder, page_port=0, link_port=0, distribution_port=port, users={})
    child = node.prepare(plan, found)
    (folder.ejabberd / "ejabberd.yml").write_text(listeners.ejabberd_yml())
    LASTING.callback(child.stop)
    _start(child)
    return PrivateEjabberd(listeners, child, folder.ejabberdctl)


def _start(child: Child) -> None:
    try:
        Supervisor([child], say=lambda _: None).start()
    except ChildFailed as failed:
        raise AssertionError(f"{failed}\n{child.log.read_text()}") from None
