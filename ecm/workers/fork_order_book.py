"""The orders to one fork server, and its reports."""

import os
import pickle
import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Protocol

from twisted.logger import Logger

from ecm.limits import MAX_FORK_ORDERS
from ecm.net.reactor import ReactorCore
from ecm.workers.control import ControlSocket
from ecm.workers.orders import FORKED, SpareOrder, SpawnOrder
from ecm.workers.process import Process
from ecm.workers.pulse import Pulse

_log = Logger()


class Ordered(Protocol):
    """The party that has ordered a process, and hears of it."""

    def forked(self, process: Process) -> None:
        """It runs."""

    def exited(self, how: str) -> None:
        """It has ended, or could not be forked. Called once."""

    def orphan(self) -> None:
        """The fork server has ended: nobody reports what becomes of the process."""


class ForkOrderBook:
    """Orders, as many at a time as the fork server can have waiting, and who hears of each.

    It is also the party that has ordered a spare, and ``runs`` once that was forked. ``ended`` is
    called when the fork server has exited. One that does not do what is due for ``timeout``
    seconds is killed.
    """

    def __init__(
        self,
        end: socket.socket,
        timeout: float,
        ended: Callable[["ForkOrderBook"], None],
        reactor: ReactorCore,
    ) -> None:
        self.runs = False
        self._ordered: dict[int, Ordered] = {}  # by number
        self._waiting: deque[tuple[SpawnOrder | SpareOrder, list[int]]] = deque()
        self._sent: set[int] = set()  # orders that are not followed yet
        self._due: set[int] = set()  # processes whose ends are not reported yet
        self._pulse = Pulse(timeout)
        self._pulse.heard()
        self._process: Process | None = None
        self._ended = ended
        self._control = ControlSocket(end, self._received, self._disconnected, reactor)

    def order(self, order: SpawnOrder | SpareOrder, files: Sequence[int], ordered: Ordered) -> None:
        """Order a process that has these file descriptors. Raises OSError if there are too many."""
        self._waiting.append((order, _duplicates(files)))
        self._ordered[order.number] = ordered
        self._send()

    def expect(self, number: int) -> None:
        """A process ends, or has ended: the report of that is due."""
        if number in self._ordered:
            self._due.add(number)

    def look(self, seconds: float) -> None:
        """Look whether the fork server does what is due, so many seconds after the last look."""
        if not (self._sent or self._due):
            self._pulse.heard()
            return
        self._pulse.tick(seconds)
        if self._pulse.has_stopped and self._process is not None:
            _log.error("worker fork server hangs; killing it")
            self._process.kill(lives=self._control.is_open)
            self._forget_process()

    def orphan_all(self) -> None:
        """Tell those who wait for reports that there will be none."""
        ordered, self._ordered = self._ordered, {}
        for each in ordered.values():
            each.orphan()

    def close(self) -> None:
        """End the fork server. ``ended`` is not called."""
        self._control.close()
        self._drop()

    # As the party that has ordered this fork server.

    def forked(self, process: Process) -> None:
        self.runs = True
        self._process = process

    def exited(self, how: str) -> None:
        """Its socket says so, too."""

    def orphan(self) -> None:
        """It lives on, without its parent."""

    # Within.

    def _send(self) -> None:
        while self._waiting and len(self._sent) < MAX_FORK_ORDERS:
            order, files = self._waiting.popleft()
            self._sent.add(order.number)
            self._control.send(pickle.dumps(order), *files)  # if it has exited, it will be told
            for file in files:
                os.close(file)

    def _received(self, message: bytes, files: list[int]) -> None:
        number, _, how = message.decode().partition(" ")
        self._pulse.heard()
        self._sent.discard(int(number))
        self._due.discard(int(number))
        if how.startswith(FORKED):
            process = Process(int(how.removeprefix(FORKED)), *files)
            self._ordered[int(number)].forked(process)
        else:
            self._ordered.pop(int(number)).exited(how)
        self._send()

    def _disconnected(self) -> None:
        self._drop()
        self._ended(self)

    def _drop(self) -> None:
        for _, files in self._waiting:
            for file in files:
                os.close(file)
        self._waiting.clear()
        self._forget_process()

    def _forget_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None


def _duplicates(files: Sequence[int]) -> list[int]:
    """Return duplicates of file descriptors. Raises OSError; then there is none of them."""
    with ExitStack() as made:
        found = []
        for file in files:
            found.append(os.dup(file))
            made.callback(os.close, found[-1])
        made.pop_all()
    return found
