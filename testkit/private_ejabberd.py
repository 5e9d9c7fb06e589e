"""A private ejabberd with many listeners for links, which the tests of links share."""

import os
from functools import cache
from pathlib import Path

import attrs
from twisted.internet.utils import getProcessOutput

from ecm.tools.demo.folder import work_folder
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.node import Node
from ecm.tools.errors import ProcessFailed
from ecm.tools.process import Process
from testkit.compiled import compiled
from testkit.lasting import LASTING
from testkit.listeners import Listeners


@attrs.frozen
class PrivateEjabberd:
    """The node, and how to reach it."""

    listeners: Listeners
    node: Node
    _process: Process
    _ejabberdctl: Path

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> Path:
        """The log, each line at once."""
        return self.node.console_log

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._process.is_running():
            return
        self._process.start()
        try:
            self._process.wait_until_ready()
        except ProcessFailed as failed:
            raise AssertionError(f"{failed}\n{self.log.read_text()}") from None

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
    listeners = Listeners(folder.path)
    node = Node(
        folder.ejabberd, folder.logs, found, listeners.distribution_port, code=[compiled(found)]
    )
    node.write(listeners.configuration(found))
    node.write_ejabberdctl(folder.ejabberdctl)
    process = node.process()
    LASTING.callback(process.stop)
    ejabberd = PrivateEjabberd(listeners, node, process, folder.ejabberdctl)
    ejabberd.start()
    return ejabberd
