"""A cluster of two private ejabberds. There is no epmd: both listen for each other at one port,
each at an address of its own.
"""

import json
import os
from contextlib import ExitStack
from pathlib import Path
from secrets import token_hex

import attrs
from twisted.trial.unittest import TestCase

from ecm.tools.demo.folder import work_folder
from ecm.tools.demo.plan import DOMAIN
from ecm.tools.ejabberd import installation, mod_ecm_build
from ecm.tools.ports import free_port
from ecm.tools.process import Process
from ecm.tools.supervisor import Supervisor
from testkit.erlang_shell import Node
from testkit.link_peer import HOST

_ADDRESSES = ("127.0.0.1", "127.0.0.2")


@attrs.frozen
class Member:
    """One node of the cluster, and the port at which it listens for links."""

    node: Node
    link_port: int
    process: Process

    @classmethod
    def prepare(cls, folder: Path, address: str, distribution_port: int, cookie: str) -> "Member":
        """Write what a node needs into a folder, which has the compiled mod_ecm beside it."""
        folder.mkdir()
        link_port = free_port()
        (folder / "ejabberd.yml").write_text(_ejabberd_yml(link_port))
        secret = folder / ".erlang.cookie"
        secret.touch(0o600)
        secret.write_text(cookie)
        node = Node(f"member@{address}", distribution_port, folder)
        return cls(node, link_port, _process(node, address))


def start_cluster(test: TestCase) -> tuple[Member, Member]:
    """Start two nodes, which do not know each other yet. They stop with the test."""
    resources = test.enterContext(ExitStack())
    folder = resources.enter_context(work_folder(None))
    mod_ecm_build.compile_into(folder.ebin, installation.find())
    port, cookie = free_port(), token_hex(16)
    first, second = [
        Member.prepare(folder.path / address, address, port, cookie) for address in _ADDRESSES
    ]
    supervisor = Supervisor([first.process, second.process], say=lambda _: None)
    resources.callback(supervisor.stop)
    supervisor.start()
    return first, second


def _process(node: Node, address: str) -> Process:
    started = node.home / "started"
    interface = "{" + address.replace(".", ",") + "}"
    return Process(
        name=node.name,
        command=[
            *("erl", "-name", node.name, "-kernel", "inet_dist_use_interface", interface),
            *("-erl_epmd_port", str(node.port), "-start_epmd", "false"),
            *("-pa", "../ebin", "-mnesia", "dir", '"database"', "-noinput", "-s", "ejabberd"),
            *("-eval", 'ok = file:write_file("started", os:getpid()).'),
        ],
        log=node.home / "console.log",
        cwd=node.home,
        environment=dict(os.environ)
        | {
            "HOME": str(node.home),
            "ERL_LIBS": str(installation.find().erlang_libraries),
            "EJABBERD_CONFIG_PATH": "ejabberd.yml",
            "EJABBERD_LOG_PATH": "ejabberd.log",
        },
        ready=lambda pid: started.exists() and started.read_text() == str(pid),
    )


def _ejabberd_yml(link_port: int) -> str:
    listener = {"module": "mod_ecm", "ip": HOST, "port": link_port, "protocol": "typed"}
    configuration = {
        "hosts": [DOMAIN],
        "s2s_access": "none",
        "auth_method": "internal",
        "modules": {"mod_roster": {}},
        "listen": [listener],
    }
    return json.dumps(configuration)
