"""The things that workers of one generation share."""

from collections.abc import Callable
from random import Random

import attrs

from ecm.net.reactor import ReactorCore
from ecm.status.totals import Ledger
from ecm.workers.balancer import Balancer
from ecm.workers.bundle import Bundle
from ecm.workers.drain import Drain
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.inquiries import Questioned

# Takes the number of a listener, an address family, and a connection, a file descriptor.
Assign = Callable[[int, int, int], bool]


@attrs.define
class Crew:
    """The fork server of workers, their balancer, and the drain that concerns all of them.

    ``told`` takes a worker and its answer to a question. Connections that a worker had not taken
    when it ended are for ``reassign``. ``ledger`` adds up what workers count, and is the same for
    all generations. ``bundle`` has certificates that are newer than those which the fork server has
    read. A crew that ``makes_way`` gets no more clients.
    """

    fork_server: ForkServerClient
    drain: Drain
    told: Callable[[Questioned, bytes], None]
    reassign: Assign
    loop: ReactorCore
    generation: int = 1
    ledger: Ledger = attrs.field(factory=Ledger)
    balancer: Balancer = attrs.field(factory=lambda: Balancer(Random()))
    bundle: Bundle | None = None
    makes_way: bool = False
