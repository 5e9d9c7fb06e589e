"""Users who come in groups, a swarm each, rest, and stay until all are gone."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from bench.load import swarm
from ecm.tools.errors import ToolError

WAIT = 60  # seconds for which a request is held, as Strophe.js has it
SETTLE = 5  # seconds until memory is where it stays
WEEK = 7 * 86_400  # the longest that ecm-swarm stays


class Online:
    """``users`` are there; the first of them has number 0."""

    def __init__(self, url: str, folder: Path, stack: ExitStack) -> None:
        self.users = 0
        self._url = url
        self._folder = folder
        self._stack = stack
        self._processes = 0

    def grow_to(self, users: int) -> None:
        """Log in more. Raises ToolError where not all of them come in."""
        more = users - self.users
        group = self._stack.enter_context(
            swarm.start(
                *(self._url, self._folder / f"online-{users}", more),
                *("--first", str(self.users), "--rate", "max"),
                *swarm.of_bosh(self._url, "--wait", str(WAIT)),
                *("--duration", str(WEEK)),
                beside=self._processes,
            )
        )
        swarm.await_phase(group, "stay")
        states = filter(None, map(swarm.state, group.lines()))
        _, there = next(states, ("", 0))
        if there != more:
            raise ToolError(f"of {more} users {there} have logged in")
        self._processes += swarm.processes(more)
        self.users = users
        time.sleep(SETTLE)


@contextmanager
def online(url: str, folder: Path) -> Iterator[Online]:
    """Nobody yet. In the end all connections are closed, and the caller stops the server."""
    with ExitStack() as stack:
        yield Online(url, folder, stack)
