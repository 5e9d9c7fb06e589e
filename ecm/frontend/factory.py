"""All connections of clients: how many there may be, their time, and their end."""

import sys
from collections import Counter
from math import inf

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, IProtocolNegotiationFactory, IPushProducer
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from zope.interface import implementer

from ecm.frontend.budget import Budget
from ecm.frontend.connection import Connection, Phase
from ecm.frontend.http import ClientProtocol
from ecm.frontend.idlest import Idlest, idle_among
from ecm.frontend.pages import Pages
from ecm.frontend.rejected import RefusedClient
from ecm.frontend.settings import FrontendSettings
from ecm.http.head_cache import HeadCache
from ecm.limits import HALF_CLOSE_TIMEOUT, MAX_REJECTED, MIN_IDLE
from ecm.net.ack_timeout import AckTimeout
from ecm.net.batch import BatchedIO
from ecm.net.clock import CoarseClock
from ecm.upstream.pool import UpstreamPool

_log = Logger()

TOO_MANY = "There are too many connections"
TOO_MANY_OF_YOURS = "There are too many connections from your address"


@implementer(IProtocolNegotiationFactory, IPushProducer)
class ClientFactory(ServerFactory):
    """Makes the protocols of clients' connections, and speaks to all of them.

    Paths that take no BOSH go to ``pages``, or are answered 404 where that is None. The reactor
    itself reads connections without a ``batch``.
    """

    noisy = False

    def __init__(
        self,
        pool: UpstreamPool,
        clock: CoarseClock,
        settings: FrontendSettings,
        pages: Pages | None = None,
        batch: BatchedIO | None = None,
    ) -> None:
        self._batch = batch
        self.pool = pool
        self.clock = clock
        self.settings = settings
        self.pages = pages
        self.reads = True
        self.drains = False
        # A dict with nothing in it: a set would take twice as much.
        self._open: dict[Connection, None] = {}
        self._refused: set[Connection] = set()
        # All that have a deadline, and what has had one since the last tick: few beside those whose
        # requests are held, of which each would take as long to look at.
        self.timed: dict[Connection, None] = {}
        self._idlest = Idlest()
        self._addresses: dict[Connection, str] = {}
        self._per_address: Counter[str] = Counter()
        self._all_closed: Deferred[None] | None = None
        self.head_cache = HeadCache()
        self.budget = Budget(settings.max_buffered or sys.maxsize, clock.now)
        self.send_timeout = settings.send_timeout
        self.ack_timeout = AckTimeout(self.send_timeout)
        self.deadlines = _deadlines(settings, clock.now)
        clock.listen(self.tick)
        pool.registerProducer(self)

    def __len__(self) -> int:
        """How many connections there are."""
        return len(self._open)

    # New connections.

    def acceptableProtocols(self) -> list[bytes]:
        """Return what is spoken over TLS (ALPN, RFC 7301).

        Without an answer, Twisted would give browsers an empty one, on which OpenSSL 4 hangs up.
        """
        return [b"http/1.1"]

    def buildProtocol(self, addr: IAddress | None) -> Connection | None:
        return self.connection_of(getattr(addr, "host", ""))

    def connection_of(self, address: str, peer: tuple[str, int] | None = None) -> Connection | None:
        """Return the protocol for a connection from an address; None where it is to be cut.

        ``peer`` is address and port of the client, where they are not those of the socket.
        """
        why = self._refusal(address)
        if why is not None:
            return self._refuse(why)
        client = ClientProtocol(self, peer)
        if self.settings.max_connections_per_address:
            self._addresses[client] = address
            self._per_address[address] += 1
        return client

    def _refusal(self, address: str) -> str | None:
        most = self.settings.max_connections_per_address
        if 0 < most <= self._per_address[address]:
            return TOO_MANY_OF_YOURS
        if self.is_full and not self._make_room():
            return TOO_MANY
        return None

    @property
    def is_full(self) -> bool:
        """Whether there are as many connections as there may be."""
        return 0 < self.settings.max_connections <= len(self._open)

    @property
    def idle(self) -> int:
        """How many would make way for others. It is work to find out."""
        return len(idle_among(self.timed, self._latest))

    @property
    def _latest(self) -> float:
        """When a connection would be closed that has been idle long enough to make way."""
        return self.deadlines[Phase.IDLE] - MIN_IDLE

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest."""
        connection = self._idlest.pop(self.timed, self._latest)
        if connection is None:
            return False
        connection.make_way()
        return True

    @property
    def may_be_told(self) -> bool:
        """Whether another connection would be told that it is one too many, and not be cut."""
        most = self.settings.max_connections
        beyond = max(0, len(self._open) - most) if most else 0
        return beyond + len(self._refused) < MAX_REJECTED

    def _refuse(self, why: str) -> Connection | None:
        if not self.may_be_told:
            return None
        refused = RefusedClient(self, self.clock, why)
        self._refused.add(refused)
        return refused

    # What connections say.

    def opened(self, connection: Connection) -> None:
        """A connection was made."""
        if connection not in self._refused:
            self._open[connection] = None
            if self._batch is not None:
                self._batch.add(connection.transport)

    def closed(self, connection: Connection) -> None:
        """A connection has gone."""
        self._open.pop(connection, None)
        self._refused.discard(connection)
        self.timed.pop(connection, None)
        self.budget.forget(connection)
        self.ack_timeout.unwatch(connection)
        address = self._addresses.pop(connection, None)
        if address is not None:
            self._per_address[address] -= 1
            if not self._per_address[address]:
                del self._per_address[address]
        if not self._open and self._all_closed is not None:
            all_closed, self._all_closed = self._all_closed, None
            all_closed.callback(None)

    # What the clock and the pool say.

    def tick(self, now: float) -> None:
        """End what has taken too long."""
        self._tell_of_budget(now)
        self._idlest.tick()
        self.deadlines = _deadlines(self.settings, now)
        self.timed = {each: None for each in self.timed if each.deadline < inf}
        for connection in [each for each in self.timed if each.deadline <= now]:
            connection.expired()
        self.ack_timeout.tick(now)

    def _tell_of_budget(self, now: float) -> None:
        self.budget.now = now
        if self.budget.let_go:
            _log.warn(
                "clients held more than {most} bytes: {number} connections had to let go",
                most=self.settings.max_buffered,
                number=self.budget.let_go,
            )
            self.budget.let_go = 0

    def pauseProducing(self) -> None:
        """Read no more requests."""
        self.reads = False
        self._tell_read_or_not()

    def resumeProducing(self) -> None:
        """Read requests again."""
        if not self.reads:
            self.reads = True
            self._tell_read_or_not()

    def stopProducing(self) -> None:
        """Nothing takes requests any more. The pool does not say so: ECM drains first."""

    def _tell_read_or_not(self) -> None:
        for connection in tuple(self._open):
            connection.read_or_not()

    # The end.

    def drain(self) -> Deferred[None]:
        """Close each connection as soon as no request is in flight on it. Fires once all are."""
        self.drains = True
        for connection in tuple(self._open):
            connection.drain()
        if not self._open:
            return succeed(None)
        self._all_closed = Deferred()
        return self._all_closed

    def give_up(self) -> None:
        """Answer what is still in flight, without the session."""
        for connection in tuple(self._open):
            connection.give_up()

    def cut(self) -> None:
        """Close all connections at once."""
        for connection in (*self._open, *self._refused):
            connection.transport.abortConnection()


def _deadlines(settings: FrontendSettings, now: float) -> dict[int, float]:
    """When each phase ends that begins now."""
    return {
        Phase.IDLE: now + settings.idle_timeout,
        Phase.HEAD: now + settings.header_timeout,
        Phase.BODY: now + settings.body_timeout,
        Phase.HELD: inf,
        Phase.TAKING: now + settings.send_timeout,
        Phase.CLOSING: now + settings.send_timeout,
        Phase.LEAVING: now + HALF_CLOSE_TIMEOUT,
        Phase.HANDSHAKE: now + settings.header_timeout,
    }
