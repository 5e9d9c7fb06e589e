"""A worker: an ECM that does not listen; the supervisor assigns it connections."""

import os
import signal
import socket
import time

from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import Logger

from ecm import signals
from ecm.limits import LEAST_WINDOW, MAX_ANSWER
from ecm.log.begin import of_worker
from ecm.net.reactor import ReactorCore, install, run_without_signals
from ecm.net.served import adopt
from ecm.questions import Words, decode, encode
from ecm.server import Server
from ecm.settings import Settings
from ecm.workers import control
from ecm.workers.bundle import Bundle
from ecm.workers.control import ControlSocket, Load
from ecm.workers.listener import AdoptedListener
from ecm.workers.orders import SpawnOrder
from ecm.workers.reporter import Reporter

_log = Logger()


def run(
    end: socket.socket, order: SpawnOrder, listeners: list[AdoptedListener], reactor_kind: str
) -> None:
    """Be a worker, until the supervisor retires it or exits."""
    reactor = install(reactor_kind)
    log = of_worker(order.levels, reactor)
    worker = Worker(end, order.settings, listeners, reactor)
    reactor.callWhenRunning(worker.start)
    run_without_signals(reactor)
    log.finish()


class Worker:
    """The server of this process, and its end of the control socket."""

    def __init__(
        self,
        end: socket.socket,
        settings: Settings,
        listeners: list[AdoptedListener],
        reactor: ReactorCore,
    ) -> None:
        self._reactor = reactor
        self._server = Server(settings, reactor)
        self._listeners = listeners
        self._factories = [
            listener.factory(factory)
            for listener, factory in zip(listeners, self._server.factories(), strict=True)
        ]
        self._assigned = 0
        self._reported_at = 0.0
        self._leaving: Deferred[None] | None = None
        self._retiring = False
        self._control = ControlSocket(end, self._received, self._supervisor_lost, reactor)
        self._reporter = Reporter(self._server, self._control)
        self._server.clock.listen(self._reporter.tick)
        self._server.clock.listen(self._report_load)

    def start(self) -> None:
        """Serve, and report the load, with which the supervisor begins to assign connections."""
        # The fork server ignores all others, and so does this process: Ctrl-C reaches all processes
        # of a terminal, and the supervisor says what follows from it.
        elsewhere = dict.fromkeys([signal.SIGHUP, signal.SIGUSR1], self._not_here)
        signals.hear(self._reactor, {signal.SIGTERM: self._signalled, **elsewhere})
        self._server.start()
        self._report_load(0)
        _log.info("serving as process {process}", process=os.getpid())

    def _signalled(self) -> None:
        """Ask the supervisor to assign no more connections to this worker, and to retire it."""
        self._control.send(control.RETIRING)

    def _not_here(self) -> None:
        _log.warn("SIGHUP and SIGUSR1 are for the supervisor; a worker does nothing on them")

    def _received(self, message: bytes, files: list[int]) -> None:
        match message[:1]:
            case control.CONNECTION:
                listener, family = control.decode_connection(message)
                self._assigned += 1
                # First: after it, nobody else may serve the connection.
                self._say_taken()
                for connection in files:
                    self._adopt(listener, family, connection)
            case control.LEAVE:
                self._leave()
            case control.RETIRE if not self._retiring:
                self._retiring = True
                self._leave().addCallback(lambda _: ensureDeferred(self._retire()))
            case control.ABORT:
                self._server.abort()
            case control.DRAIN:
                self._server.drain(control.decode_drain(message))
            case control.UNDRAIN:
                self._server.undrain()
            case control.PEMS:
                self._renew(*files)
            case control.ASK:
                number, question = decode(message)
                self._server.answers.answer(question).addCallback(self._tell, number)

    def _tell(self, answer: Words, number: int) -> None:
        """Give the answer to a question. One that cannot be sent is not waited for."""
        try:
            packet = encode(control.TOLD, number, answer, MAX_ANSWER)
        except ValueError as error:
            packet = encode(control.TOLD, number, {"error": f"{error}"}, MAX_ANSWER)
        self._control.send(packet)

    def _renew(self, file: int) -> None:
        """Let new connections have other certificates. The supervisor has tried them."""
        try:
            for listener, pems in Bundle.read(file).items():
                self._listeners[listener].renew(pems)
        except Exception:
            _log.failure("error in ECM; new connections get the certificates of before")
        finally:
            os.close(file)

    def _adopt(self, listener: int, family: int, connection: int) -> None:
        os.set_blocking(connection, False)
        try:
            adopt(self._reactor, connection, family, self._factories[listener])
        except OSError:
            pass  # the client has gone already
        except Exception:
            _log.failure("error in ECM; closing the connection on which it happened")
        finally:
            os.close(connection)

    def _say_taken(self) -> None:
        """Say that this worker has one more connection, which is about to be open.

        While they come, what they cost is told many times a second.
        """
        now = self._reactor.seconds()
        if now - self._reported_at < LEAST_WINDOW:
            self._control.send(control.encode_taken(self._assigned))
        else:
            self._send_load(now, coming=1)

    def _send_load(self, now: float, coming: int = 0) -> None:
        clients = self._server.clients
        evictable = clients.admission.evictable if clients.admission.is_full else 0
        load = Load(
            assigned=self._assigned,
            open=len(clients) + coming,
            idle=evictable,
            is_linked=self._server.is_linked,
            cpu=time.process_time(),
        )
        self._control.send(load.encode())
        self._reported_at = now

    def _report_load(self, now: float) -> None:
        """Tell the load, which also says that this worker does not hang."""
        self._send_load(now)
        if self._leaving is not None and self._leaving.called:
            self._control.send(control.LEFT)  # again, in case it could not be sent before

    def _leave(self) -> Deferred[None]:
        """Begin to shut down, once. Fires when the connections that were there are closed."""
        if self._leaving is None:
            self._leaving = ensureDeferred(self._server.leave())
            self._leaving.addCallback(lambda _: self._say_left())
        return self._leaving

    def _say_left(self) -> None:
        self._control.send(control.LEFT)

    async def _retire(self) -> None:
        await self._server.stop()
        self._reporter.tick(0)  # its last word
        self._control.close()
        self._reactor.stop()

    def _supervisor_lost(self) -> None:
        """Exit: nobody can retire this worker any more, or assign it anything."""
        os._exit(1)
