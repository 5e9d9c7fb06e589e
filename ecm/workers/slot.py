"""The slot of a worker: the process in it, and when it is respawned."""

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ecm.kernel import Usage, usage
from ecm.limits import MAX_ANSWER, MIN_UPTIME, RESPAWN_DELAY_MAX, RESPAWN_DELAY_MIN
from ecm.net.reactor import ReactorCore
from ecm.operated import DRAINS, SERVES, STARTING, ProcessStatus
from ecm.settings import Settings
from ecm.workers import control
from ecm.workers.balancer import Balancer
from ecm.workers.control import ControlSocket, Load
from ecm.workers.drain import Drain
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.handovers import Handovers
from ecm.workers.log_relay import LogRelay
from ecm.workers.orders import SpawnOrder
from ecm.workers.process import Process
from ecm.workers.pulse import Pulse
from ecm.workers.report import Report
from ecm.workers.starvation import Glance

_log = Logger()


class Backoff:
    """The delays before a slot's respawns, in seconds: exponential, and 0 after a steady worker."""

    def __init__(self) -> None:
        self._next = 0.0

    def delay(self, uptime: float) -> float:
        """Return the delay after a worker that ran for ``uptime`` seconds."""
        if uptime >= MIN_UPTIME:
            self._next = 0.0
        delay = self._next
        self._next = min(max(RESPAWN_DELAY_MIN, 2 * delay), RESPAWN_DELAY_MAX)
        return delay


class WorkerSlot:
    """One of the workers, by its number. In the balancer while it serves.

    The fork server alone says that the process has ended (``exited``). The end of its control
    socket only takes it out of the balancer; unless its fork server has exited, and nobody else can
    say it. A worker that says nothing for too long is killed. ``report`` has what it tells of
    itself.
    """

    def __init__(
        self,
        number: int,
        settings: Settings,
        fork_server: ForkServerClient,
        balancer: Balancer,
        reactor: ReactorCore,
        drain: Drain,
        told: Callable[[int, bytes], None],
    ) -> None:
        self.number = number
        self.restarts = 0
        self._drain = drain
        self._told = told
        self.load = self.idle = 0
        self.capacity = settings.clients.max_connections
        self._order = SpawnOrder(number, settings)
        self._fork_server = fork_server
        self._balancer = balancer
        self._reactor = reactor
        self._backoff = Backoff()
        self._log_relay: LogRelay | None = None
        self._control: ControlSocket | None = None
        self._worker_timeout = settings.worker_timeout
        self._pulse = Pulse(self._worker_timeout)
        self._when_weak: Glance | None = None  # a look at the process since its pulse is weak
        self._handovers = Handovers()
        self.report = Report(number)
        self._process: Process | None = None
        self._runs = False
        self._orphaned = False
        self._assigned = 0
        self._retiring = False
        self._spawned_at = 0.0
        self._respawn: IDelayedCall | None = None
        self._leaving: Deferred[None] | None = None
        self._done: Deferred[None] | None = None

    def spawn(self) -> None:
        """Start a worker. It is assigned connections once it has reported its load."""
        self._respawn = None
        self._spawned_at = self._reactor.seconds()
        self._assigned = self.load = self.idle = 0
        self._retiring = False
        self._runs = True
        self._orphaned = False
        self._pulse = Pulse(self._worker_timeout)
        self._when_weak = None
        self._handovers = Handovers()
        ours, theirs = control.pair()
        log, stdout = os.pipe()
        self._log_relay = LogRelay(log, self._order.number, self._reactor)
        self._control = ControlSocket(
            ours, self._received, self._disconnected, self._reactor, MAX_ANSWER
        )
        self._fork_server.spawn(self._order, theirs.fileno(), stdout, self)
        theirs.close()
        os.close(stdout)

    def assign(self, listener: int, family: int, connection: int) -> bool:
        """Give the worker a connection. Return False if it takes none at the moment."""
        assert self._control is not None
        if not self._control.send(control.encode_connection(listener, family), connection):
            return False
        self._handovers.add(listener, family, connection)
        self._assigned += 1
        if self.load >= self.capacity and self.idle:
            self.idle -= 1  # which makes way
        else:
            self.load += 1
        return True

    def restart(self) -> None:
        """Replace the worker by a new one, once it has shut down gracefully."""
        if self._runs:
            self._begin_retiring()

    def ask(self, question: bytes) -> bool:
        """Send a question to the worker. Return False if it takes none at the moment."""
        return self._control is not None and self._control.send(question)

    @property
    def status(self) -> ProcessStatus:
        """The worker, as an operator sees it."""
        pid = 0 if self._process is None else self._process.pid
        taken = usage(Path("/"), pid) if pid else Usage()
        if self._runs and (self._retiring or self._drain.is_on):
            state = DRAINS
        else:
            state = SERVES if self in self._balancer.workers else STARTING
        return ProcessStatus(
            self.number, pid, 1, state, restarts=self.restarts, rss=taken.rss, cpu=taken.cpu
        )

    def leave(self) -> Deferred[None]:
        """Have the worker close the connections that it has. Fires then, or once it has ended.

        It goes on to serve new ones, until it is retired, and is not respawned.
        """
        self._cancel_respawn()
        if not self._runs:
            return succeed(None)
        self._leaving = Deferred()
        self._send(control.LEAVE)
        return self._leaving

    def retire(self) -> Deferred[None]:
        """Shut the worker down gracefully. Fires once it has ended; it is not respawned."""
        self._cancel_respawn()
        if not self._runs:
            return succeed(None)
        self._done = Deferred()
        self._begin_retiring()
        return self._done

    def abort(self) -> None:
        """Turn the worker's graceful shutdown into a fast one."""
        self._send(control.ABORT)

    def look(self, seconds: float) -> None:
        """Look whether the worker lives, so many seconds after the last look."""
        if not self._runs:
            return
        self._pulse.tick(seconds)
        if not self._pulse.is_weak:
            self._when_weak = None
        elif self._when_weak is None:
            self._weaken()
        elif self._pulse.has_stopped and self._process is not None:
            starved = Glance.at(self._process).is_starved(self._when_weak)
            if not starved or self._pulse.is_hopeless:
                self._kill(self._process)

    def forked(self, process: Process) -> None:
        """The process has started: the fork server's report."""
        self._process = process

    def orphan(self) -> None:
        """The fork server has exited, and will not report the end of this process."""
        self._orphaned = True
        if self._runs and self._control is None:
            self.exited("has ended")

    def exited(self, how: str) -> None:
        """The process has ended: the fork server's report, or the end of the control socket."""
        stops = self._done is not None or self._leaving is not None
        self._ended()
        if not stops:
            self.restarts += 1
            delay = self._backoff.delay(self._reactor.seconds() - self._spawned_at)
            self._respawn = self._reactor.callLater(delay, self.spawn)
            _log.warn(
                "worker {number} {how}; respawning in {delay} s",
                number=self._order.number,
                how=how,
                delay=delay,
            )

    def _cancel_respawn(self) -> None:
        if self._respawn is not None:
            self._respawn.cancel()
            self._respawn = None

    def _weaken(self) -> None:
        """Assign no more connections to the worker, which has said nothing for some time."""
        self._when_weak = Glance() if self._process is None else Glance.at(self._process)
        if self in self._balancer.workers:
            _log.warn(
                "worker {number} has said nothing for {seconds} s; it gets no new connections",
                number=self._order.number,
                seconds=round(self._pulse.silence),
            )
            self._leave_balancer()

    def _kill(self, process: Process) -> None:
        """Kill the worker, which hangs. Its clients see that at once, and come to another one."""
        _log.error(
            "worker {number} has said nothing for {seconds} s, it hangs; killing it",
            number=self._order.number,
            seconds=round(self._pulse.silence),
        )
        process.kill(lives=self._control is not None and self._control.is_open)
        self._forget_process()

    def _forget_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _ended(self) -> None:
        """Log the worker's last words, and have nothing of it any more."""
        self._runs = False
        if self._log_relay is not None:
            self._log_relay.drain()
        if self._control is not None:
            self._control.drain()
        self._left()
        if self._control is not None:
            self._control.close()
            self._control = None
        self._forget_process()
        self.report.ended()
        self._has_left()
        if self._done is not None:
            self._done.callback(None)

    def _disconnected(self) -> None:
        """The worker has closed its end of the control socket, or has ended."""
        self._control = None
        self._left()
        if self._orphaned:
            self.exited("has ended")
        else:
            self._fork_server.expect(self._order.number)

    def _left(self) -> None:
        """The worker takes no connection any more: others get those that it has not taken."""
        self._leave_balancer()
        for listener, family, connection in self._handovers.take_back():
            self._balancer.assign(listener, family, connection)

    def _received(self, message: bytes, files: list[int]) -> None:
        self._pulse.heard()
        match message[:1]:
            case control.TAKEN:
                self._handovers.taken(control.decode_taken(message))
            case control.LEFT:
                self._has_left()
            case control.RETIRING:
                _log.info(
                    "worker {number} was signalled to end; shutting down gracefully",
                    number=self._order.number,
                )
                self._begin_retiring()
            case control.LOAD:
                self._loaded(Load.decode(message))
            case control.TOLD:
                self._told(self.number, message)
            case control.SNAPSHOT:
                self.report.received(message[1:])

    def _loaded(self, load: Load) -> None:
        """Take the worker's own figures, and add what was assigned since it sent them."""
        self._handovers.taken(load.assigned)
        self.load = self._assigned - load.assigned + load.open
        self.idle = load.idle
        if self._retiring:
            self._send(control.RETIRE)  # in case its queue was full before
            return
        if self._leaving is not None and not self._leaving.called:
            self._send(control.LEAVE)  # the same
        if order := self._drain.order:
            self._send(order)
        if self not in self._balancer.workers:
            self._balancer.workers.append(self)

    def _begin_retiring(self) -> None:
        """Assign no more connections to the worker, and have it shut down gracefully."""
        self._retiring = True
        self._leave_balancer()
        self._send(control.RETIRE)

    def _send(self, order: bytes) -> None:
        """Have the worker follow an order. It does so once, however often it is told."""
        if self._control is not None:
            self._control.send(order)

    def _has_left(self) -> None:
        if self._leaving is not None and not self._leaving.called:
            self._leaving.callback(None)

    def _leave_balancer(self) -> None:
        if self in self._balancer.workers:
            self._balancer.workers.remove(self)
