"""All of Megaphone on one machine: ejabberd with mod_ecm, and ECM with workers in front of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

from testkit.servers import front_ends
from testkit.servers.ejabberd import Kind, Node, node
from testkit.servers.process import Process


@attrs.frozen
class Stack:
    """``url`` is where users come to."""

    node: Node
    ecm: Process
    url: str


@contextmanager
def megaphone(folder: Path, code: list[Path], workers: int) -> Iterator[Stack]:
    """Start both; ``code`` is that of bench.node.compiled."""
    with (
        node(Kind.LINK, code) as subject,
        front_ends.ecm(folder, subject.port, protocol="typed", workers=workers) as (ecm, port),
    ):
        yield Stack(subject, ecm, f"http://127.0.0.1:{port}/http-bind")
