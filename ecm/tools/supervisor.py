"""Starts the processes in order, starts again what dies, and stops them in reverse order."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

import attrs

from ecm.tools.backoff import Backoff
from ecm.tools.errors import ChildFailed
from ecm.tools.process import Child

_START_PATIENCE = 60.0  # seconds; a start takes about three
_POLL_PAUSE = 0.05  # seconds


@attrs.define
class Supervisor:
    """The children in the order of their start."""

    children: Sequence[Child]
    say: Callable[[str], None]  # is given the lines for the user

    def start(self) -> None:
        """Start all. Raises ChildFailed if one ends or is not ready in time."""
        for child in self.children:
            self.say(f"starting {child.name}")
            child.start()
            self._wait_for(child)

    def _wait_for(self, child: Child) -> None:
        deadline = time.monotonic() + _START_PATIENCE
        while not child.is_ready():
            if ended := self._ended():
                raise ChildFailed(f"{ended.name} {ended.ending()}: see {ended.log}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{child.name} does not answer: see {child.log}")
            time.sleep(_POLL_PAUSE)

    def restarts(self) -> Iterator[Child]:
        """Start again what ends by itself, for ever. Yields it when all are ready again."""
        backoffs = [Backoff() for _ in self.children]
        while True:
            child = self._wait_for_an_end()
            pause = backoffs[self.children.index(child)].next_pause(child.seconds_since_start())
            self.say(f"{child.name} {child.ending()}: starting it again")
            time.sleep(pause)
            child.start()
            if self._wait_for_all():
                yield child

    def _wait_for_an_end(self) -> Child:
        while (child := self._ended()) is None:
            # Comes back when any process of ours has ended, and leaves its status to be read.
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        return child

    def _wait_for_all(self) -> bool:
        """Wait for it. False as soon as one has ended again."""
        while self._ended() is None:
            if all(child.is_ready() for child in self.children):
                return True
            time.sleep(_POLL_PAUSE)
        return False

    def _ended(self) -> Child | None:
        return next((child for child in self.children if child.ending()), None)

    def stop(self) -> None:
        """Stop what runs, the last started first."""
        for child in reversed(self.children):
            child.stop()
