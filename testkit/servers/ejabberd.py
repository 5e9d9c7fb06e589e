"""A private ejabberd: the installation that is chosen, as a node with everything of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.node import Node
from ecm.tools.ports import free_port
from testkit.servers.process import Process


@contextmanager
def started(
    configuration: Mapping[str, object],
    accounts: Mapping[str, str] = {},
    code: Sequence[Path] = (),
    flags: Sequence[str] = (),
    pipes: bool = False,
) -> Iterator[Process]:
    """A fresh node, which runs, with accounts (name -> password) on its first host. Raises
    ToolError."""
    with TemporaryDirectory(prefix="megaphone-ejabberd-") as folder:
        home = Path(folder)
        node = Node(
            home,
            home,
            installation.find(),
            free_port(),
            code=code,
            flags=flags,
            environment={"ERL_CRASH_DUMP_SECONDS": "0"},
        )
        node.write(configuration, accounts)
        with Process.of(node.process(pipes)) as process:
            process.wait_until_ready()
            yield process
