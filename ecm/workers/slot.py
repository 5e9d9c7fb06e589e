"""A worker's place: the worker that is there, and its replacement when it ends."""

import os
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from ecm.settings import EcmSettings
from ecm.workers import control as channel
from ecm.workers.backoff import Backoff
from ecm.workers.balancer import Pool
from ecm.workers.control import DRAIN, HURRY, LEAVING, Channel
from ecm.workers.fork_client import Nursery
from ecm.workers.log_relay import WorkerLog

_log = Logger()


class Seat:
    """One of the workers, by its number. In ``pool`` while it serves."""

    def __init__(
        self, number: int, settings: EcmSettings, nursery: Nursery, pool: Pool, reactor: Any
    ) -> None:
        self.load = self.idle = 0
        self.capacity = settings.clients.max_connections
        self._number = number
        self._settings = settings
        self._nursery = nursery
        self._pool = pool
        self._reactor = reactor
        self._backoff = Backoff()
        self._channel: Channel | None = None
        self._given = 0
        self._leaves = False
        self._started_at = 0.0
        self._replacement: Any = None
        self._vacant: Deferred[None] | None = None

    def fill(self) -> None:
        """Start a worker. It gets connections as soon as it has said that it serves."""
        self._replacement = None
        self._started_at = self._reactor.seconds()
        self._given = self.load = self.idle = 0
        self._leaves = False
        ours, theirs = channel.pair()
        log, stdout = os.pipe()
        WorkerLog(log, f"worker {self._number}", self._reactor)
        self._channel = Channel(ours, self._received, self._ended, self._reactor)
        self._nursery.order(self._number, self._settings, theirs.fileno(), stdout)
        theirs.close()
        os.close(stdout)

    def give(self, door: int, family: int, connection: int) -> bool:
        """Give the worker a connection. False if it cannot take more at the moment."""
        assert self._channel is not None
        if not self._channel.send(channel.connection_message(door, family), connection):
            return False
        self._given += 1
        if self.load >= self.capacity and self.idle:
            self.idle -= 1  # which makes way
        else:
            self.load += 1
        return True

    def vacate(self) -> Deferred[None]:
        """Let the worker drain. Fires once it has ended; nobody replaces it."""
        if self._replacement is not None:
            self._replacement.cancel()
        if self._channel is None:
            return succeed(None)
        self._vacant = Deferred()
        self._leave()
        return self._vacant

    def hurry(self) -> None:
        """Let the worker wait no more for what is in flight."""
        if self._channel is not None:
            self._channel.send(HURRY)

    def _received(self, message: bytes, files: list[int]) -> None:
        if message == LEAVING:
            _log.info("worker {number} is told to end", number=self._number)
            self._leave()
            return
        given, there, self.idle = map(int, message.split())
        self.load = self._given - given + there
        if not self._leaves and self not in self._pool.takers:
            self._pool.takers.append(self)

    def _leave(self) -> None:
        """Give the worker no more connections, and let it drain."""
        self._leaves = True
        self._leave_pool()
        if self._channel is not None:
            self._channel.send(DRAIN)

    def _leave_pool(self) -> None:
        if self in self._pool.takers:
            self._pool.takers.remove(self)

    def _ended(self) -> None:
        """The worker's end of the channel has closed: the worker has ended, however it has."""
        self._channel = None
        self._leave_pool()
        if self._vacant is not None:
            self._vacant.callback(None)
            return
        pause = self._backoff.pause(self._reactor.seconds() - self._started_at)
        _log.info("worker {number} is replaced in {pause} s", number=self._number, pause=pause)
        self._replacement = self._reactor.callLater(pause, self.fill)
