"""A cluster of two private ejabberds. There is no epmd: both listen for each other at one port,
each at an address of its own.
"""

from contextlib import ExitStack
from secrets import token_hex

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from ecm.tools.process import Process
from ecm.tools.supervisor import Supervisor

_ADDRESSES = ("127.0.0.1", "127.0.0.2")


@attrs.frozen
class Member:
    """One node of the cluster, and the port at which it listens for links."""

    node: Node
    link_port: int
    process: Process

    @classmethod
    def prepare(cls, folder: Folder, address: str, distribution_port: int, cookie: str) -> "Member":
        """Write what a node needs into a folder of its own."""
        home = folder.path / address
        home.mkdir()
        node = Node(
            home,
            home,
            installation.find(),
            distribution_port,
            code=[folder.ebin],
            name=f"member@{address}",
        )
        link_port = free_port()
        link = listener("mod_ecm", link_port, protocol="typed")
        node.write(configuration([DOMAIN], [link], without_options("mod_roster")), cookie=cookie)
        return cls(node, link_port, node.process())


def start_cluster(test: TestCase) -> tuple[Member, Member]:
    """Start two nodes, which do not know each other yet. They stop with the test."""
    resources = test.enterContext(ExitStack())
    folder = resources.enter_context(work_folder(None))
    mod_ecm_build.compile_into(folder.ebin, installation.find())
    port, cookie = free_port(), token_hex(16)
    first, second = [Member.prepare(folder, address, port, cookie) for address in _ADDRESSES]
    supervisor = Supervisor([first.process, second.process], say=lambda _: None)
    resources.callback(supervisor.stop)
    supervisor.start()
    return first, second
