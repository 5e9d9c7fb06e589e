"""The release of held requests when ECM stops: their sessions are asked to answer them now.

Clients get an empty answer and ask again, another ECM or the next one; those of streams connect
anew. It is spread, so that ECM and ejabberd serve others meanwhile.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ecm.limits import (
    RELEASE_BATCH,
    RELEASE_PAUSE,
    RELEASE_STEP,
    RELEASE_TIME,
    STREAM_RELEASE_BATCH,
    STREAM_RELEASE_SHARE,
)
from ecm.upstream.link import Link
from ecm.upstream.pending import Partner
from ecm.upstream.pool import UpstreamPool

_log = Logger()


class Release:
    """Releases exchanges and streams, a batch at a time; and, after a pause, those come since.

    Streams take longer: their clients log in again, where those of exchanges ask again. All have
    ``seconds``.
    """

    def __init__(self, pool: UpstreamPool, clock: IReactorTime, seconds: float) -> None:
        slowly = max(RELEASE_STEP, STREAM_RELEASE_SHARE * seconds)
        self._kinds = (
            _Kind(pool, lambda link: link.table, RELEASE_BATCH, RELEASE_TIME),
            _Kind(pool, lambda link: link.streams, STREAM_RELEASE_BATCH, slowly),
        )
        self._has_failed = False
        self._loop = LoopingCall(self._step)
        self._loop.clock = clock

    def start(self) -> None:
        """Release the first ones now."""
        self._loop.start(RELEASE_STEP)

    def stop(self) -> None:
        self._loop.stop()

    def _step(self) -> None:
        """Do one step. A fault in it is ours, and must keep no other of them, nor the stop."""
        for kind in self._kinds:
            try:
                kind.step()
            except Exception:
                if not self._has_failed:
                    _log.failure("error in ECM; going on with the release of those who wait")
                self._has_failed = True


class _Kind:
    """Those that ``of`` returns for a link: a batch of at least ``least``, all within ``time``."""

    def __init__(
        self,
        pool: UpstreamPool,
        of: Callable[[Link], Iterable[Partner]],
        least: int,
        time: float,
    ) -> None:
        self._pool = pool
        self._of = of
        self._least = least
        self._time = time
        self._due: Iterator[Partner] = iter(())
        self._batch = 0
        self._pauses = 0  # steps until the next look at all that is in flight
        self._released: set[int] = set()

    def step(self) -> None:
        """Release those that are due now."""
        if self._pauses:
            self._pauses -= 1
            return
        if not self._batch:
            self._look()
        for _ in range(self._batch):
            partner = next(self._due, None)
            if partner is None:
                self._batch = 0
                self._pauses = round(RELEASE_PAUSE / RELEASE_STEP)
                return
            partner.release()

    def _look(self) -> None:
        """Begin with all that is in flight, in the order of the requests: a session answers so."""
        in_flight = chain.from_iterable(self._of(link) for link in self._pool.links)
        found = [partner for partner in in_flight if partner.id not in self._released]
        self._released.update(partner.id for partner in found)
        self._due = iter(found)
        self._batch = max(self._least, round(len(found) * RELEASE_STEP / self._time))
