"""A cluster of two private ejabberds. There is no epmd: both listen for each other at one port,
each at an address of its own.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.ejabberd.configuration import configuration, listener, without_options
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from ecm.tools.process import Process
from ecm.tools.supervisor import Supervisor

_ADDRESSES = ("127.0.0.1", "127.0.0.2")


@attrs.frozen
class Software:
    """An ejabberd with its mod_ecm. ``modules`` are those of mod_ecm, if they are not today's."""

    installation: Installation = attrs.field(factory=installation.find)
    modules: Sequence[Path] | None = None


@attrs.frozen
class Member:
    """One node of the cluster, and the port at which it listens for links."""

    node: Node
    link_port: int
    process: Process

    @classmethod
    def prepare(
        cls, folder: Folder, software: Software, address: str, distribution_port: int, cookie: str
    ) -> "Member":
        """Compile mod_ecm for a node, and write what it needs into a folder of its own."""
        home = folder.path / address
        code = home / "ebin"
        code.mkdir(parents=True)
        mod_ecm_build.compile_into(code, software.installation, software.modules)
        node = Node(
            home,
            home,
            software.installation,
            distribution_port,
            code=[code],
            name=f"member@{address}",
        )
        link_port = free_port()
        link = listener("mod_ecm", link_port, protocol="typed")
        node.write(configuration([DOMAIN], [link], without_options("mod_roster")), cookie=cookie)
        return cls(node, link_port, node.process())


def start_cluster(
    test: TestCase, first: Software | None = None, second: Software | None = None
) -> tuple[Member, Member]:
    """Start two nodes, which do not know each other yet. They stop with the test.

    They run the chosen ejabberd with today's mod_ecm, unless something else is given.
    """
    resources = test.enterContext(ExitStack())
    folder = resources.enter_context(work_folder(None))
    port, cookie = free_port(), token_hex(16)
    here, there = [
        Member.prepare(folder, software or Software(), address, port, cookie)
        for software, address in zip((first, second), _ADDRESSES, strict=True)
    ]
    supervisor = Supervisor([here.process, there.process], say=lambda _: None)
    resources.callback(supervisor.stop)
    supervisor.start()
    return here, there
