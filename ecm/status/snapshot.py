"""A snapshot: all that a process tells of itself at one moment. Pure.

Times are seconds since 1970, 0 for never. Each field has a default, and an older or newer process
may leave any of them out.
"""

import attrs

from ecm.log.warnings import Warned
from ecm.metrics import Metrics


@attrs.frozen
class Connections:
    """The connections of clients; ``limit`` is how many there may be, 0 if nothing says so.

    ``by_transport`` has their numbers for http, websocket and tcp; ``by_state`` for what they wait
    for: idle, head, body, held, sending, closing, handshake, half_closed, and proxy_header.
    """

    open: int = 0
    limit: int = 0
    by_transport: dict[str, int] = attrs.field(factory=dict)
    by_state: dict[str, int] = attrs.field(factory=dict)


@attrs.frozen
class LinkReport:
    """The link to one node, or the lack of it, since ``since``.

    ``node`` is the name that the node has told, ``endpoint`` where ECM connects. ``state`` is
    writable, congested, broken, draining or down; ``protocol`` typed, plain, or nothing. ``error``
    is why the last connection ended, or none came about. ``round_trip`` is in seconds.
    """

    node: str = ""
    endpoint: str = ""
    state: str = "down"
    protocol: str = ""
    since: float = 0.0
    full_since: float = 0.0
    round_trip: float = 0.0
    queue_bytes: int = 0
    requests: int = 0
    streams: int = 0
    error: str = ""

    @property
    def up(self) -> bool:
        """True if it takes requests, now or soon."""
        return self.state in ("writable", "congested")

    def is_up_as(self, protocol: str) -> bool:
        """Return whether it is up, and typed, or plain."""
        return self.up and self.protocol == protocol


@attrs.frozen
class Certificate:
    """A certificate by its first name, and the time at which it expires."""

    name: str = ""
    not_after: float = 0.0


@attrs.frozen
class DoorReport:
    """An endpoint for clients, the connections that have come there, and its certificates."""

    endpoint: str = ""
    accepted: int = 0
    certificates: tuple[Certificate, ...] = ()


@attrs.frozen
class Snapshot:
    """One process. ``number`` is that of the worker, 1 where there is one process.

    ``held`` are the requests that wait for their answer at ejabberd, ``parked`` those that wait for
    a link. ``refusal`` is why no node takes requests, as clients are told, or nothing.
    ``lag`` is how many seconds late the reactor came to the last tick. ``node_stats`` is what
    mod_ecm tells of each node, by name. ``omitted`` says of what there is more than is told here,
    and how much. One that ``is_former`` gets no new connections.
    """

    number: int = 1
    pid: int = 0
    started: float = 0.0
    version: str = ""
    state: str = "serves"
    connections: Connections = Connections()
    held: int = 0
    parked: int = 0
    parked_bytes: int = 0
    buffered_bytes: int = 0
    refusal: str = ""
    is_full: bool = False
    lag: float = 0.0
    open_files: int = 0
    open_files_limit: int = 0
    metrics: Metrics = attrs.field(factory=Metrics)
    links: tuple[LinkReport, ...] = ()
    doors: tuple[DoorReport, ...] = ()
    warnings: tuple[Warned, ...] = ()
    node_stats: dict[str, dict[str, int]] = attrs.field(factory=dict)
    omitted: dict[str, int] = attrs.field(factory=dict)
    is_former: bool = False

    def as_former(self) -> "Snapshot":
        """Return it as that of a process which only serves the clients that it has.

        There may be no more connections than there are, and its doors are those of others.
        """
        there = self.connections
        closed = attrs.evolve(there, limit=min(there.open, there.limit))
        return attrs.evolve(self, connections=closed, is_full=False, doors=(), is_former=True)
