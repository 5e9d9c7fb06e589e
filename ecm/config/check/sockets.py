"""UNIX sockets on which ECM listens: whether it may make them."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ecm.config.check.finding import Finding, error
from ecm.config.description import described
from ecm.net.endpoints import PLAIN


def check(endpoints: Iterable[str]) -> Iterator[Finding]:
    """Yield an error for each socket in a folder in which this user may not write."""
    for text in endpoints:
        given = described(text.removeprefix(PLAIN))
        if given.kind == "unix":
            folder = Path(given.value("address", 0)).absolute().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                yield error(f"{text}: this user may not make a socket in {folder}")
