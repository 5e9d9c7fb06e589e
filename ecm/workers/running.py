"""A worker that runs: its process, as the supervisor has it, from the order to its end."""

import os
import socket
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger, LogLevel

from ecm.kernel import Usage, usage
from ecm.limits import MAX_ANSWER
from ecm.operated import DRAINS, SERVES, STARTING, ProcessStatus
from ecm.workers import control
from ecm.workers.bundle import Bundle
from ecm.workers.control import ControlSocket, Load
from ecm.workers.crew import Crew
from ecm.workers.handovers import Handovers
from ecm.workers.leisure import Leisure
from ecm.workers.log_relay import LogRelay
from ecm.workers.orders import SpawnOrder
from ecm.workers.process import Process
from ecm.workers.report import Report
from ecm.workers.vitals import Health, Vitals

_log = Logger()


class Slot(Protocol):
    """The slot of a worker, which hears what becomes of it."""

    def told(self, worker: "RunningWorker") -> None:
        """The worker has told its load, as it does every second."""

    def signalled(self, worker: "RunningWorker") -> None:
        """Somebody has signalled it to end."""

    def ended(self, worker: "RunningWorker", how: str) -> None:
        """Its process has ended."""


class RunningWorker:
    """A worker from its order on. In the balancer while it serves.

    The fork server alone says that the process has ended (``exited``). The end of its control
    socket only takes it out of the balancer; unless its fork server has exited, and nobody else can
    say it. A worker that says nothing for too long is killed. ``is_linked`` is whether ejabberd
    could be asked when it told its load, and ``report`` has what it tells of itself.
    """

    def __init__(self, order: SpawnOrder, crew: Crew, slot: Slot) -> None:
        """Order it. Raises OSError if there are too many open files, and nothing of it is then."""
        self.load = self.idle = 0
        self.capacity = order.settings.clients.max_connections
        self.order = order
        self.number = order.worker
        self.is_linked = False
        self.retires = False
        self.report = Report(order.worker)
        self.started_at = crew.loop.seconds()
        self._crew = crew
        self._slot = slot
        self._vitals = Vitals(order.settings.worker_timeout)
        self._handovers = Handovers()
        self._leisure = Leisure(self.started_at)
        self._orphaned = False
        self._assigned = 0
        self._has_ended = False
        self._bundle: Bundle | None = None  # the last one that it was sent
        self._leaving: Deferred[None] | None = None
        self._done: list[Deferred[None]] = []
        ours, theirs, log, stdout = _ends()
        self._log_relay = LogRelay(log, order.worker, crew.loop)
        self._control = ControlSocket(
            ours, self._received, self._disconnected, crew.loop, MAX_ANSWER
        )
        try:
            crew.fork_server.spawn(order, theirs.fileno(), stdout, self)
        except OSError:
            self._control.close()
            raise
        finally:
            theirs.close()
            os.close(stdout)
        crew.ledger.began(self.report)
        self.renew()

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Give the worker a connection. Return False if it takes none at the moment."""
        if not self._control.send(control.encode_connection(listener, family), connection):
            return False
        self._handovers.add(listener, family, connection)
        self._assigned += 1
        self._leisure.given()
        if self.load >= self.capacity and self.idle:
            self.idle -= 1  # which makes way
        else:
            self.load += 1
        return True

    @property
    def suffices(self) -> bool:
        """True while it has so little to do that it may have new connections to itself."""
        return self._leisure.suffices(self.load, self.capacity)

    def send(self, order: bytes, *files: int) -> bool:
        """Have the worker follow an order. Return False if it takes none at the moment."""
        return self._control.send(order, *files)

    def renew(self) -> None:
        """Give the worker the newest certificates, before it gets further connections."""
        bundle = self._crew.bundle
        if bundle is None or bundle is self._bundle:
            return
        if self.send(control.PEMS, bundle.file):
            self._bundle = bundle

    def leave(self) -> Deferred[None]:
        """Have the worker close the connections that it has. Fires then, or once it has ended.

        It goes on to serve new ones, until it is retired.
        """
        self._leaving = Deferred()
        self.send(control.LEAVE)
        return self._leaving

    def retire(self) -> Deferred[None]:
        """Assign it no more connections, and shut it down gracefully. Fires once it has ended."""
        if self._has_ended:
            return succeed(None)
        if not self.retires:
            self.retires = True
            self._crew.balancer.remove(self)
            self.send(control.RETIRE)
        done: Deferred[None] = Deferred()
        self._done.append(done)
        return done

    @property
    def status(self) -> ProcessStatus:
        """The worker, as an operator sees it."""
        pid = self._vitals.pid
        taken = usage(Path("/"), pid) if pid else Usage()
        if self.retires or self._crew.drain.is_on:
            state = DRAINS
        else:
            state = SERVES if self in self._crew.balancer.workers else STARTING
        number, generation = self.order.worker, self._crew.generation
        return ProcessStatus(number, pid, generation, state, rss=taken.rss, cpu=taken.cpu)

    def look(self, seconds: float) -> None:
        """Look whether the worker lives, so many seconds after the last look."""
        health = self._vitals.look(seconds)
        if health is Health.WEAK and self in self._crew.balancer.workers:
            self._say_silent(LogLevel.warn, "; it gets no new connections")
            self._crew.balancer.remove(self)
        elif health is Health.HANGS:
            # Its clients see that at once, and come to another one.
            self._say_silent(LogLevel.error, ", it hangs; killing it")
            self._vitals.kill(lives=self._control.is_open)

    # From the fork server.

    def forked(self, process: Process) -> None:
        """The process has started."""
        self._vitals.process = process

    def exited(self, how: str) -> None:
        """The process has ended: the fork server's report, or the end of the control socket."""
        self._has_ended = True
        self._log_relay.drain()
        self._control.drain()
        self._crew.ledger.ended(self.report)
        self._left()
        self._control.close()
        self._vitals.forget()
        self._has_left()
        self._slot.ended(self, how)
        for done in self._done:
            done.callback(None)

    def orphan(self) -> None:
        """The fork server has exited, and will not report the end of this process."""
        self._orphaned = True
        if self._control.disconnected and not self._has_ended:
            self.exited("has ended")

    # From the worker.

    def _received(self, message: bytes, files: list[int]) -> None:
        self._vitals.heard()
        match message[:1]:
            case control.TAKEN:
                self._handovers.taken(control.decode_taken(message))
            case control.LEFT:
                self._has_left()
            case control.RETIRING:
                self._slot.signalled(self)
            case control.LOAD:
                self._loaded(Load.decode(message))
            case control.TOLD:
                self._crew.told(self, message)
            case control.SNAPSHOT:
                self.report.received(message[1:])

    def _loaded(self, load: Load) -> None:
        """Take the worker's own figures, and add what was assigned since it sent them."""
        self._handovers.taken(load.assigned)
        self._leisure.told(load.cpu, self._crew.loop.seconds())
        self.load = self._assigned - load.assigned + load.open
        self.idle = load.idle
        self.is_linked = load.is_linked
        if self.retires:
            self.send(control.RETIRE)  # in case its queue was full before
            return
        if self._leaving is not None and not self._leaving.called:
            self.send(control.LEAVE)  # the same
        self.renew()
        if order := self._crew.drain.order:
            self.send(order)
        self._crew.balancer.told(self)
        self._slot.told(self)

    def _disconnected(self) -> None:
        """The worker has closed its end of the control socket, or has ended."""
        self._left()
        if self._orphaned:
            self.exited("has ended")
        else:
            self._crew.fork_server.expect(self.order.number)

    def _left(self) -> None:
        """The worker takes no connection any more: others get those that it has not taken."""
        self._crew.balancer.remove(self)
        for listener, family, connection in self._handovers.take_back():
            self._crew.reassign(listener, family, connection)

    def _has_left(self) -> None:
        if self._leaving is not None and not self._leaving.called:
            self._leaving.callback(None)

    def _say_silent(self, level: Any, consequence: str) -> None:
        _log.emit(
            level,
            "worker {number} has said nothing for {seconds} s{consequence}",
            number=self.order.worker,
            seconds=self._vitals.silence,
            consequence=consequence,
        )


def _ends() -> tuple[socket.socket, socket.socket, int, int]:
    """Return both ends of a control socket, and both of a pipe. Raises OSError."""
    ours, theirs = control.pair()
    try:
        return ours, theirs, *os.pipe()
    except OSError:
        ours.close()
        theirs.close()
        raise
