"""A generation of workers: all that were started with the same settings."""

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater

from ecm.limits import READY_STEP, READY_TIMEOUT
from ecm.net.reactor import ReactorCore
from ecm.operated import ProcessStatus
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Ledger
from ecm.workers.bundle import Bundle
from ecm.workers.crew import Crew
from ecm.workers.drain import Drain
from ecm.workers.fork_client import ForkServerClient
from ecm.workers.inquiries import Questioned
from ecm.workers.plan import Plan
from ecm.workers.ports import AssignAt, places
from ecm.workers.running import RunningWorker
from ecm.workers.slot import WorkerSlot

# The part of --drain-timeout in which a former generation sends its clients away, one after the
# other; those who are left then have the rest of it.
_SPREAD: Final = 0.5


class Generation:
    """A fork server, and the workers that come from it; ``number`` counts from 1.

    ``lost`` is called when there will be no more workers. Connections that a worker had not taken
    when it ended go where ``assign`` has them.
    """

    def __init__(
        self,
        number: int,
        plan: Plan,
        drain: Drain,
        told: Callable[[Questioned, bytes], None],
        ledger: Ledger,
        assign: AssignAt,
        lost: Callable[["Generation"], None],
        reactor: ReactorCore,
    ) -> None:
        self.number = number
        self.plan = plan
        self.is_lost = False
        self._lost = lost
        self._reactor = reactor
        timeout = plan.settings.worker_timeout
        self._fork_server = ForkServerClient(self._fork_server_lost, timeout, reactor)
        self._places = places(plan.settings.endpoints)
        self._crew = Crew(
            self._fork_server,
            drain,
            told,
            lambda at, *connection: assign(self._places[at], *connection),
            reactor,
            number,
            ledger,
        )
        self.slots = [
            WorkerSlot(each, share, self._crew) for each, share in enumerate(plan.shares, 1)
        ]

    # Its start.

    def start_at_once(self) -> None:
        """Start the fork server, and wait until it has loaded everything. Raises StartupError."""
        self._fork_server.start(self.plan.settings)

    def start(self) -> Deferred[None]:
        """Start the fork server. Fires once it has loaded everything; fails with StartupError."""
        return self._fork_server.start_meanwhile(self.plan.settings)

    def serve(self) -> None:
        """Start the workers."""
        self._fork_server.listen()
        for slot in self.slots:
            slot.spawn()

    async def ready(self) -> int:
        """Wait until all workers have a link, or have had their time. Return how many have one."""
        for _ in range(round(READY_TIMEOUT / READY_STEP)):
            if self.is_lost or self.linked == len(self.slots):
                break
            await deferLater(self._reactor, READY_STEP)
        return self.linked

    @property
    def linked(self) -> int:
        """The number of workers that have a link."""
        return sum(slot.is_linked for slot in self.slots)

    @property
    def serves(self) -> bool:
        """True if there is a worker that takes connections."""
        return bool(self._crew.balancer.workers)

    # While it serves.

    def assign(self, place: tuple[str, int], family: int, connection: int) -> bool:
        """Give a worker a connection from a port. Return False if none takes it at the moment."""
        if place not in self._places:
            return False
        return self._crew.balancer.assign(self._places.index(place), family, connection)

    def look(self, seconds: float) -> None:
        """Look for processes that hang, so many seconds after the last look."""
        for slot in self.slots:
            slot.look(seconds)
        self._fork_server.look(seconds)

    @property
    def processes(self) -> list[ProcessStatus]:
        """All workers, as an operator sees them."""
        return [each for slot in self.slots for each in slot.status]

    @property
    def workers(self) -> list[RunningWorker]:
        """All workers that run."""
        return [each for slot in self.slots for each in slot.workers]

    @property
    def snapshots(self) -> list[Snapshot]:
        """The last that each of them has told of itself."""
        return [each for slot in self.slots for each in slot.snapshots]

    def renew(self, bundle: Bundle) -> None:
        """Let new connections have other certificates."""
        self._let_go_of_bundle()
        self._crew.bundle = bundle
        for slot in self.slots:
            slot.renew()

    # Its end.

    async def leave(self) -> None:
        """Have the connections closed that are there now, while new ones are served."""
        await DeferredList([slot.leave() for slot in self.slots])

    async def retire(self) -> None:
        """Shut all workers down gracefully, and end the fork server."""
        await DeferredList([slot.retire() for slot in self.slots])
        self._fork_server.stop()
        self._let_go_of_bundle()

    async def make_way(self) -> None:
        """Do the same for a successor: send clients away one after the other before."""
        seconds = _SPREAD * self.plan.settings.drain_timeout
        for slot in self.slots:
            slot.stay_empty()
        self._crew.makes_way = True
        self._crew.drain = Drain(self._reactor)
        self._crew.drain.begin(seconds)
        if seconds:
            await deferLater(self._reactor, seconds)
        await self.retire()

    @property
    def is_over(self) -> bool:
        """True once its fork server has ended, behind all workers."""
        return self._fork_server.has_ended

    def abort(self) -> None:
        """Turn the graceful shutdown of the workers into a fast one."""
        for slot in self.slots:
            slot.abort()

    def _let_go_of_bundle(self) -> None:
        if self._crew.bundle is not None:
            self._crew.bundle.close()
            self._crew.bundle = None

    def _fork_server_lost(self) -> None:
        self.is_lost = True
        self._lost(self)
