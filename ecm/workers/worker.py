"""A worker: an ECM that does not listen, but is given its connections by the supervisor."""

import os
import signal
import socket
from importlib import import_module
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IProtocolFactory
from twisted.logger import Logger, globalLogBeginner

from ecm.frontend.proxied import ProxiedFactory
from ecm.server import Instance
from ecm.settings import EcmSettings
from ecm.workers.control import CONNECTION_SIZE, DRAIN, HURRY, LEAVING, Channel
from ecm.workers.listener import Door
from ecm.workers.log_relay import write_event

_log = Logger()


def run(end: socket.socket, settings: EcmSettings, doors: list[Door], reactor_module: str) -> None:
    """Be a worker, until the supervisor ends it or has gone."""
    globalLogBeginner.beginLoggingTo([write_event], redirectStandardIO=False, discardBuffer=True)
    import_module(reactor_module).install()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    worker = Worker(end, settings, doors, reactor)
    reactor.callWhenRunning(worker.start)
    reactor.run(installSignalHandlers=False)


class Worker:
    """The ECM of this process, and its end of the channel."""

    def __init__(
        self, end: socket.socket, settings: EcmSettings, doors: list[Door], reactor: Any
    ) -> None:
        self._reactor = reactor
        self._instance = Instance(settings, reactor)
        self._factories = _factories(settings, doors, self._instance)
        self._given = 0
        self._told = b""
        self._stops = False
        self._instance.clock.listen(self._tell_load)
        self._channel = Channel(end, self._received, self._supervisor_lost, reactor)

    def start(self) -> None:
        # Ctrl-C reaches all that run in a terminal: the supervisor says what follows from it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._signalled)
        self._instance.start()
        self._tell_load(0)
        _log.info("serves, as process {process}", process=os.getpid())

    def _signalled(self, *_: object) -> None:
        """Somebody wants this worker to end: the supervisor shall send it no more connections."""
        self._reactor.callFromThread(self._channel.send, LEAVING)

    def _received(self, message: bytes, files: list[int]) -> None:
        if len(message) == CONNECTION_SIZE:
            for connection in files:
                self._take(int.from_bytes(message[:2]), message[2], connection)
        elif message == DRAIN and not self._stops:
            self._stops = True
            ensureDeferred(self._stop())
        elif message == HURRY:
            self._instance.hurry()

    def _take(self, door: int, family: int, connection: int) -> None:
        self._given += 1
        os.set_blocking(connection, False)
        try:
            self._reactor.adoptStreamConnection(connection, family, self._factories[door])
        except OSError:
            pass  # the client has gone already
        except Exception:
            _log.failure("a connection is closed")
        finally:
            os.close(connection)

    def _tell_load(self, now: float) -> None:
        clients = self._instance.clients
        told = b"%d %d %d" % (self._given, len(clients), clients.idle if clients.is_full else 0)
        if told != self._told and self._channel.send(told):
            self._told = told

    async def _stop(self) -> None:
        await self._instance.stop()
        self._channel.close()
        self._reactor.stop()

    def _supervisor_lost(self) -> None:
        """Nobody can end this worker any more, or give it anything to do."""
        os._exit(1)


def _factories(
    settings: EcmSettings, doors: list[Door], instance: Instance
) -> list[IProtocolFactory]:
    """Return what makes the protocols of each door: those of --listen come first."""
    inner: list[IProtocolFactory] = [instance.clients] * len(settings.listen)
    proxied = [ProxiedFactory(instance.clients) for _ in settings.proxy_protocol]
    return [door.factory(factory) for door, factory in zip(doors, [*inner, *proxied], strict=True)]
