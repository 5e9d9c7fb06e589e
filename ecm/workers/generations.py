"""The generations of workers: the one that serves, and those that end."""

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.task import deferLater
from twisted.logger import Logger

from ecm.errors import StartupError
from ecm.limits import MAX_FORMER, READY_STEP, READY_TIMEOUT
from ecm.net.reactor import ReactorCore
from ecm.operated import ProcessStatus
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Ledger
from ecm.workers.drain import Drain
from ecm.workers.generation import Generation
from ecm.workers.inquiries import Questioned
from ecm.workers.plan import Plan
from ecm.workers.running import RunningWorker

_log = Logger()


class Generations:
    """Knows the ``current`` generation, which gets all new connections, and replaces it.

    ``drain`` is that of the current one, and ``told`` takes the answers of workers. ``lost`` is
    called when there will be no more workers.
    """

    def __init__(
        self,
        plan: Plan,
        drain: Drain,
        told: Callable[[Questioned, bytes], None],
        lost: Callable[[], None],
        reactor: ReactorCore,
    ) -> None:
        self._drain = drain
        self._told = told
        self._lost = lost
        self._reactor = reactor
        self._number = 0
        self._stops = False
        # What all workers have counted, of whatever generation.
        self.ledger = Ledger()
        self._ending: list[Generation] = []
        self._starting: Generation | None = None
        self.current = self._make(plan)

    def assign(self, place: tuple[str, int], family: int, connection: int) -> bool:
        """Give a worker a connection from a port. Return False if none takes it at the moment."""
        return self.current.assign(place, family, connection)

    async def prepare(self, plan: Plan) -> Generation:
        """Return a new generation that is fit to be the current one.

        Raises ValueError if there can be none, and has nothing of it any more then.
        """
        if len(self._ending) >= MAX_FORMER:
            raise ValueError(
                f"{len(self._ending)} former generations of workers still serve clients, for"
                f" {self.current.plan.settings.drain_timeout} seconds at most: try again later"
            )
        generation = self._starting = self._make(plan)
        try:
            await generation.start()
            if self._stops:
                raise ValueError("ECM stops")
            generation.serve()
            self._judge(generation, await generation.ready())
        except StartupError as error:
            self._give_up(generation)
            raise ValueError("ECM stops" if self._stops else error.why) from None
        except Exception:  # also what the kernel refuses
            self._give_up(generation)
            raise
        return generation

    def switch(self, generation: Generation) -> None:
        """Let a new generation have all new connections, and the former one make way."""
        former, self.current, self._starting = self.current, generation, None
        Deferred.fromCoroutine(self._end(former, former.make_way()))

    def look(self, seconds: float) -> None:
        """Look for processes that hang, so many seconds after the last look."""
        for generation in self._all:
            generation.look(seconds)

    @property
    def processes(self) -> list[ProcessStatus]:
        """All workers, as an operator sees them, and those of the current generation first."""
        return [each for generation in self._all for each in generation.processes]

    @property
    def snapshots(self) -> list[Snapshot]:
        """The last snapshots of workers that may have clients, the current generation first."""
        return [each for generation in self._with_clients for each in generation.snapshots]

    @property
    def workers(self) -> list[RunningWorker]:
        """These workers, in the same order."""
        return [each for generation in self._with_clients for each in generation.workers]

    @property
    def newcomers(self) -> list[RunningWorker]:
        """The workers of a generation that starts, and has no clients yet."""
        return [] if self._starting is None else self._starting.workers

    async def retire(self) -> None:
        """Shut all workers down gracefully."""
        self._stops = True
        await DeferredList([Deferred.fromCoroutine(each.retire()) for each in self._all])

    def abort(self) -> None:
        """Turn their graceful shutdown into a fast one."""
        for generation in self._all:
            generation.abort()

    @property
    def _all(self) -> list[Generation]:
        starting = [] if self._starting is None else [self._starting]
        return [self.current, *starting, *self._ending]

    @property
    def _with_clients(self) -> list[Generation]:
        return [self.current, *self._ending]

    def _make(self, plan: Plan) -> Generation:
        self._number += 1
        return Generation(
            self._number,
            plan,
            self._drain,
            self._told,
            self.ledger,
            self.assign,
            self._generation_lost,
            self._reactor,
        )

    def _judge(self, generation: Generation, linked: int) -> None:
        """Raise ValueError unless a generation, so many of whose workers have a link, is fit."""
        if not generation.serves or generation.is_lost:
            raise ValueError("no new worker has started; the log says why")
        if not linked and self.current.linked:
            raise ValueError(
                f"no new worker has a link after {READY_TIMEOUT} s, and the present ones have one"
            )
        if linked < len(generation.slots):
            _log.warn(
                "{linked} of {all} new workers have a link after {seconds} s; going on with them",
                linked=linked,
                all=len(generation.slots),
                seconds=READY_TIMEOUT,
            )

    def _give_up(self, generation: Generation) -> None:
        self._starting = None
        Deferred.fromCoroutine(self._end(generation, generation.retire()))

    async def _end(self, generation: Generation, end: Coroutine[Any, Any, None]) -> None:
        """Know a generation until nothing of it is left."""
        self._ending.append(generation)
        await end
        while not generation.is_over:
            await deferLater(self._reactor, READY_STEP)
        self._ending.remove(generation)
        _log.info("generation {number} of workers has ended", number=generation.number)

    def _generation_lost(self, generation: Generation) -> None:
        if generation is self.current:
            self._lost()
