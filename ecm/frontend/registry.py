"""All connections of clients: their number, what they share, their time, and their end."""

import sys
from collections import Counter
from math import inf
from typing import TYPE_CHECKING, Final

from twisted.internet.defer import Deferred, succeed

from ecm.frontend.addresses import Addresses
from ecm.frontend.budget import MemoryBudget
from ecm.frontend.closing import ClosingConnections
from ecm.frontend.connection import ClientConnection, Phase
from ecm.frontend.probes import Probes
from ecm.frontend.room import Room
from ecm.frontend.settings import FrontendSettings
from ecm.frontend.shed import ShedLog
from ecm.http.head_cache import HeadCache
from ecm.limits import HALF_CLOSE_TIMEOUT
from ecm.log.faults import ClientFaults
from ecm.metrics import Metrics
from ecm.net.ack_timeout import AckTimeout
from ecm.net.clock import CoarseClock
from ecm.net.sockets import Sockets, Unbatched

if TYPE_CHECKING:
    from ecm.frontend.routes import Routes
    from ecm.net.tls import Door


# The reasons for which connections end that take too long in a phase.
_TIMEOUTS: Final = {
    Phase.IDLE: "idle",
    Phase.HEAD: "header_timeout",
    Phase.BODY: "body_timeout",
    Phase.SENDING: "send_timeout",
    Phase.HALF_CLOSED: "half_closed",
}


class Registry:
    """Knows all connections, and tells them what concerns all.

    ``reading`` is whether requests are read, ``draining`` whether ECM stops, and ``sends_away``
    whether clients are sent to another one (``draining.py``). With ``keeps_no_idle`` a response may
    be the last of its connection. ``leaving`` are the connections that the stop waits for, or that
    are sent away; new ones may come beside them. ``speaking`` counts the open ones by what they
    speak. ``deadlines`` are those of the phases that begin now. The reactor itself reads
    connections where no ``sockets`` are given.
    """

    def __init__(
        self,
        routes: "Routes",
        clock: CoarseClock,
        settings: FrontendSettings,
        metrics: Metrics,
        sockets: Sockets | None = None,
    ) -> None:
        self.routes = routes
        self.clock = clock
        self.settings, self.metrics = settings, metrics
        self.sockets = sockets or Unbatched()
        self.reading = True
        self.draining = self.sends_away = self.keeps_no_idle = False
        self.leaving: dict[ClientConnection, None] = {}
        self.head_cache = HeadCache()
        self.budget = MemoryBudget(settings.max_buffered or sys.maxsize, clock.now)
        self._shed = ShedLog(self.budget, settings.max_buffered)
        self.ack_timeout = AckTimeout(settings.send_timeout)
        self.deadlines = _deadlines(settings, clock.now)
        # The connections that have a deadline, and those that have had one since the last tick: few
        # beside those whose requests are held, of which each would take as long to look at.
        self.timed: dict[ClientConnection, None] = {}
        # Dicts without values: sets would take twice as much. Connections that have yet to send a
        # PROXY header are not open.
        self.open: dict[ClientConnection, None] = {}
        self.unproxied: dict[ClientConnection, None] = {}
        self.rejected: dict[ClientConnection, None] = {}
        # The doors of TLS, by their endpoints.
        self.doors: dict[str, Door] = {}
        self.speaking: Counter[str] = Counter()
        # Those of the open ones that wait for the client to close its end, too.
        self.closing = ClosingConnections()
        self.room = Room(settings.max_connections)
        self.addresses = Addresses()
        self.faults = ClientFaults()
        self._probes = Probes(self.open, metrics)
        self._all_left: Deferred[None] | None = None
        clock.listen(self._tick)

    def __len__(self) -> int:
        """The number of connections, but for those that are rejected."""
        return len(self.open) + len(self.unproxied)

    # Called by connections.

    def opened(self, connection: ClientConnection) -> None:
        """A connection was made."""
        if connection not in self.rejected:
            self.open[connection] = None
            self.speaking[connection.speaks] += 1
            self._count()
            self.sockets.add(connection.transport)

    def count_held(self, connection: ClientConnection) -> None:
        """Count what a connection holds now, unless it is forgotten: its transport is another
        one's then."""
        if connection in self.open or connection in self.unproxied or connection in self.rejected:
            self.budget.update(connection)

    def is_leaving(self, connection: ClientConnection) -> bool:
        """Return whether the next response of a connection is its last."""
        return self.draining or connection in self.leaving

    def forget(self, connection: ClientConnection) -> None:
        """Another one takes the place of a connection."""
        self.speaking[connection.speaks] -= connection in self.open
        for known in (self.open, self.unproxied, self.rejected, self.timed, self.leaving):
            known.pop(connection, None)
        self.closing.discard(connection)
        self._count()
        self.budget.remove(connection)
        self.sockets.forget(connection.transport)
        self.ack_timeout.unwatch(connection.transport)
        self.addresses.remove(connection)

    def replace(self, connection: ClientConnection, successor: ClientConnection) -> None:
        """Let another protocol of the same client take the place of one."""
        is_leaving = connection in self.leaving
        address = self.addresses.remove(connection)
        self.forget(connection)
        if address is not None:
            self.addresses.add(successor, address)
        if is_leaving:
            self.leaving[successor] = None

    def closed(self, connection: ClientConnection) -> None:
        """A connection has closed."""
        self.metrics.closed += 1
        self.forget(connection)
        if not self.leaving and self._all_left is not None:
            all_left, self._all_left = self._all_left, None
            all_left.callback(None)

    def _count(self) -> None:
        """Look whether there is room, after the number of connections has changed."""
        self.room.update(len(self))
        self.keeps_no_idle = self.draining or self.sends_away or self.room.in_reserve

    # Called by the clock.

    def _tick(self, now: float) -> None:
        """End what has taken too long."""
        self.budget.now = now
        self.metrics.ended["shed"] += self._shed.tick(now)
        self.room.tick(now)
        self.deadlines = _deadlines(self.settings, now)
        self.timed = {each: None for each in self.timed if each.deadline < inf}
        for connection in [each for each in self.timed if each.deadline <= now]:
            if connection.phase in _TIMEOUTS:
                self.metrics.ended[_TIMEOUTS[connection.phase]] += 1
            connection.timed_out()
        self.metrics.ended["send_timeout"] += self.ack_timeout.tick(now)
        self._probes.tick(now)
        self.faults.tick(now)

    # Called for all connections.

    def set_reading(self, reading: bool) -> None:
        """Read requests, or leave them in the kernel."""
        if reading is not self.reading:
            self.reading = reading
            for connection in tuple(self.open):
                connection.update_reading()

    def drain(self) -> Deferred[None]:
        """Close each connection that is there as soon as no request of it is in flight.

        Fires once these are closed.
        """
        self.draining = self.keeps_no_idle = True
        self.leaving = {**self.open, **self.unproxied}
        if not self.leaving:
            return succeed(None)
        all_left = self._all_left = Deferred()
        for connection in tuple(self.leaving):
            connection.drain()
        return all_left

    def reject_pending(self) -> None:
        """Respond 503 to all requests that the stop waits for."""
        for connection in tuple(self.leaving):
            connection.reject_pending()

    def abort_leaving(self) -> None:
        """Close all connections at once that the stop waits for."""
        for connection in tuple(self.leaving):
            connection.transport.abortConnection()

    def abort_all(self) -> None:
        """Close all connections at once."""
        for connection in (*self.open, *self.unproxied, *self.rejected):
            connection.transport.abortConnection()


def _deadlines(settings: FrontendSettings, now: float) -> dict[int, float]:
    """Return when each phase ends that begins now."""
    return {
        Phase.IDLE: now + settings.idle_timeout,
        Phase.HEAD: now + settings.header_timeout,
        Phase.BODY: now + settings.body_timeout,
        Phase.HELD: inf,
        Phase.SENDING: now + settings.send_timeout,
        Phase.CLOSING: now + settings.send_timeout,
        Phase.HALF_CLOSED: now + HALF_CLOSE_TIMEOUT,
        Phase.HANDSHAKE: now + settings.header_timeout,
    }
