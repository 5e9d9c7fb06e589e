"""A cluster of private ejabberds. There is no epmd: all listen for each other at one port, each
at an address of its own.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex
from typing import Any

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import Folder, work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.configuration import Options, configuration, listener, without_options
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.compiled import compiled
from testkit.erlang_shell import ErlangShell
from testkit.servers.process import Process

_ADDRESS = "127.0.0.{}"
_MODULES = without_options("mod_roster")


@attrs.frozen
class Software:
    """An ejabberd with its mod_ecm. ``modules`` are those of mod_ecm, if they are not today's."""

    installation: Installation = attrs.field(factory=installation.find)
    modules: tuple[Path, ...] | None = None


@attrs.frozen
class Member:
    """One node of the cluster, and the port at which it listens for links."""

    node: Node
    link_port: int
    process: Process

    @classmethod
    def prepare(
        cls,
        folder: Folder,
        software: Software,
        address: str,
        distribution_port: int,
        cookie: str,
        modules: Options = _MODULES,
        **options: Any,
    ) -> "Member":
        """Write what a node needs into a folder of its own."""
        home = folder.path / address
        home.mkdir()
        node = Node(
            home,
            home,
            software.installation,
            distribution_port,
            code=[compiled(software.installation, software.modules)],
            name=f"member@{address}",
        )
        link_port = free_port()
        link = listener("mod_ecm", link_port, protocol="typed")
        node.write(configuration([DOMAIN], [link], modules, **options), cookie=cookie)
        return cls(node, link_port, Process.of(node.process()))


def start_cluster(
    test: TestCase,
    first: Software | None = None,
    second: Software | None = None,
    **options: Any,
) -> tuple[Member, Member]:
    """Start two nodes, which do not know each other yet. They end with the test.

    They run the chosen ejabberd with today's mod_ecm, unless something else is given; ``options``
    are those of ejabberd's top level.
    """
    here, there = start_nodes(test, [first or Software(), second or Software()], **options)
    return here, there


def start_nodes(
    test: TestCase,
    software: int | Sequence[Software],
    modules: Options = _MODULES,
    **options: Any,
) -> list[Member]:
    """The same for any number of nodes, with these modules of ejabberd and their options."""
    if isinstance(software, int):
        software = [Software()] * software
    resources = test.enterContext(ExitStack())
    folder = resources.enter_context(work_folder(None))
    port, cookie = free_port(), token_hex(16)
    members = [
        Member.prepare(folder, each, _ADDRESS.format(number), port, cookie, modules, **options)
        for number, each in enumerate(software, 1)
    ]
    for member in members:
        resources.callback(member.process.kill)
        member.process.start()
    for member in members:
        member.process.wait_until_ready()
    return members


async def join(test: TestCase, members: Sequence[Member]) -> None:
    """Make a cluster of these nodes."""
    first, *others = [member.node for member in members]
    for other in others:
        joined = await ErlangShell.start(test, other).evaluate(
            f"ejabberd_cluster:join('{first.name}')"
        )
        test.assertEqual(joined, "ok")
