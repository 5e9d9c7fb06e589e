"""The connections of one client, for an operator who asks: where each is from, what it waits for.

ECM keeps no more of a connection than it needs to serve it. So the times are those of the kernel,
and a client behind a proxy of HTTP has the address of the proxy.
"""

from collections.abc import Callable, Collection, Iterator
from ipaddress import ip_address

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime, ISSLTransport
from twisted.internet.task import Cooperator

from ecm.frontend.census import NAMES
from ecm.frontend.connection import ClientConnection
from ecm.frontend.ordering import OrderedConnection
from ecm.frontend.registry import Registry
from ecm.frontend.streaming import StreamConnection
from ecm.http.client_address import as_meant
from ecm.limits import MAX_ASKED, MAX_FOUND, MAX_SOUGHT
from ecm.net.transport import Wire, peer_of, wire_of
from ecm.questions import Words
from ecm.upstream.pool import UpstreamPool


class About:
    """Answers questions about one client, as far as this process can."""

    def __init__(self, registry: Registry, pool: UpstreamPool, reactor: IReactorTime) -> None:
        self._registry = registry
        self._pool = pool
        # Turns of a few milliseconds: there may be hundreds of thousands of connections.
        self._turns = Cooperator(scheduler=lambda turn: reactor.callLater(0, turn))

    def answer(self, question: Words) -> Deferred[Words]:
        """Answer a question. Raises ValueError if it is none.

        One with ``address`` is for the connections from there, one with ``ids`` for those that have
        these numbers on their links: the answer has ``connections``, and how many ``more`` there
        are. One with ``jid``, ``sid``, or ``in_flight``, a list of ids, is for the sessions that
        ejabberd has: the answer has ``told``, what ``Insight.inspect`` returns for each.
        """
        match question:
            case {"jid": str(jid)}:
                return self._told([self._pool.insight.inspect(jid=jid)])
            case {"sid": str(sid)}:
                return self._told([self._pool.insight.inspect(sid=sid)])
            case {"in_flight": [*ids]} if len(ids) <= MAX_SOUGHT:
                here = _in_flight(self._pool, {int(each) for each in ids})
                asked = [self._pool.insight.inspect(id=each) for each in here[:MAX_ASKED]]
                return self._told(asked)
        return self._find(_matching(question))

    def _told(self, asked: list[Deferred[Words]]) -> Deferred[Words]:
        return gatherResults(asked).addCallback(lambda told: {"told": told})

    def _find(self, matches: Callable[[ClientConnection], bool]) -> Deferred[Words]:
        found: Words = {"connections": [], "more": 0}
        sought = self._turns.cooperate(self._search(matches, found)).whenDone()
        return sought.addCallback(lambda _: found)

    def _search(self, matches: Callable[[ClientConnection], bool], found: Words) -> Iterator[None]:
        registry = self._registry
        for connection in (*registry.open, *registry.unproxied):
            is_there = connection in registry.open or connection in registry.unproxied
            if is_there and matches(connection):
                if len(found["connections"]) < MAX_FOUND:
                    found["connections"].append(described(connection))
                else:
                    found["more"] += 1
            yield


def _in_flight(pool: UpstreamPool, ids: set[int]) -> list[int]:
    """Return those of the numbers that have a request in flight, or a stream."""

    def is_here(number: int) -> bool:
        return any(number in link.table or number in link.streams for link in pool.links)

    return sorted(filter(is_here, ids))


def described(connection: ClientConnection) -> Words:
    """Return what is known of a connection. Times are in seconds; None is not known."""
    address, port = _peer(connection)
    wire = wire_of(connection.transport)
    return {
        "ids": [str(each) for each in sorted(ids_of(connection))],
        "kind": connection.speaks,
        "address": address,
        "port": port,
        "tls": ISSLTransport.providedBy(connection.transport),
        "phase": NAMES.get(connection.phase, "closing"),
        "requests": len(getattr(connection, "exchanges", ())),
        "memory": connection.held,
        **_on_wire(wire),
    }


def _on_wire(wire: Wire | None) -> Words:
    if wire is None:
        return {"came": None, "sent": None, "round_trip": None, "waits": None}
    return {
        "came": wire.came,
        "sent": wire.sent,
        "round_trip": wire.round_trip,
        "waits": wire.outstanding,
    }


def ids_of(connection: ClientConnection) -> set[int]:
    """Return the numbers under which ejabberd knows a connection."""
    ids = set()
    if isinstance(connection, StreamConnection):
        ids.add(connection.id)
    elif isinstance(connection, OrderedConnection):
        ids.add(connection.link_id)
        ids.update(getattr(each, "id", 0) for each in connection.exchanges)
    return ids - {0}


def _peer(connection: ClientConnection) -> tuple[str, int]:
    """Return address and port of the client, as far as ECM keeps what a proxy has told."""
    if isinstance(connection, OrderedConnection) and connection.peer is not None:
        return connection.peer[:2]
    return peer_of(connection.transport)


def _matching(question: Words) -> Callable[[ClientConnection], bool]:
    match question:
        case {"address": str(address)}:
            spelled = _spellings(address)
            return lambda connection: _peer(connection)[0].partition("%")[0] in spelled
        case {"ids": [*ids]} if len(ids) <= MAX_SOUGHT:
            wanted = {int(each) for each in ids}
            return lambda connection: not wanted.isdisjoint(ids_of(connection))
    raise ValueError(f"give an address, or up to {MAX_SOUGHT} ids")


def _spellings(address: str) -> Collection[str]:
    """Return the texts that name an address: IPv4 may be carried by IPv6. Raises ValueError."""
    parsed = as_meant(ip_address(address))
    return {str(parsed), f"::ffff:{parsed}"}
