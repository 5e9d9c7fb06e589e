"""The supervisor: listens, and has workers serve the connections."""

import atexit
import os
from random import Random
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, DeferredList, ensureDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure

from ecm.errors import StartupError
from ecm.net.send_buffer import BoundedSendBuffer
from ecm.settings import EcmSettings
from ecm.shutdown import hurried_by_signals
from ecm.workers.acceptor import Acceptor
from ecm.workers.balancer import Pool
from ecm.workers.fork_client import Nursery
from ecm.workers.slot import Seat

_log = Logger()


class WorkersFactory(ServerFactory):
    """Stands, where there is listened, for those who serve."""

    noisy = False


class Workers(MultiService):
    """ECM in several processes. ``shares`` are the settings of each worker."""

    def __init__(self, settings: EcmSettings, shares: list[EcmSettings], reactor: Any) -> None:
        super().__init__()
        self._settings = settings
        self._reactor = reactor
        self._pool = Pool(Random())
        self._nursery = Nursery(self._worker_ended, self._nursery_lost, reactor)
        self._seats = [
            Seat(number, share, self._nursery, self._pool, reactor)
            for number, share in enumerate(shares, 1)
        ]
        self._acceptors: list[Acceptor] = []
        self._stops = False

    def privilegedStartService(self) -> None:
        super().privilegedStartService()
        endpoints = self._settings.listen + self._settings.proxy_protocol
        try:
            ports = [self._listen(endpoint) for endpoint in endpoints]
        except (CannotListenError, OSError, OverflowError) as error:
            raise StartupError(error) from None
        self._acceptors = [self._acceptor(door, port) for door, port in enumerate(ports)]
        self._nursery.start(self._settings)

    def startService(self) -> None:
        super().startService()
        self._nursery.listen()
        for seat in self._seats:
            seat.fill()
        for acceptor in self._acceptors:
            acceptor.startReading()

    def stopService(self) -> Deferred[None]:
        """Drain as a single ECM does: no new connections, and each worker ends in its time."""
        return ensureDeferred(self._stop())

    async def _stop(self) -> None:
        self._stops = True
        with hurried_by_signals(self._reactor, self._hurry):
            for acceptor in self._acceptors:
                await acceptor.close()
            await DeferredList([seat.vacate() for seat in self._seats])
        self._nursery.stop()
        await super().stopService()

    def _hurry(self) -> None:
        for seat in self._seats:
            seat.hurry()

    def _listen(self, endpoint: str) -> IListeningPort:
        """Return the port; those of Twisted's endpoints are there at once."""
        listening: list[Any] = []
        clients = BoundedSendBuffer(serverFromString(self._reactor, endpoint))
        clients.listen(WorkersFactory()).addBoth(listening.append)
        if isinstance(listening[0], Failure):
            listening[0].raiseException()
        port: IListeningPort = listening[0]
        return port

    def _acceptor(self, door: int, port: IListeningPort) -> Acceptor:
        def give(family: int, connection: int) -> bool:
            return self._pool.give(door, family, connection)

        return Acceptor(port, give, self._reactor)

    def _worker_ended(self, number: int, how: str) -> None:
        if not self._stops:
            _log.warn("worker {number} {how}", number=number, how=how)

    def _nursery_lost(self) -> None:
        """Without it no worker can be replaced, and its privileges are gone: begin anew."""
        if not self._stops:
            _log.critical("the process that workers come from has ended: ECM stops")
            atexit.register(os._exit, 1)  # twistd has no exit status for it
            self._reactor.stop()
