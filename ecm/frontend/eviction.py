"""Eviction: which connections make way for new ones, when there are as many as there may be."""

from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING

from ecm.frontend.connection import ClientConnection, Phase
from ecm.limits import MIN_IDLE
from ecm.net.transport import close_now

if TYPE_CHECKING:
    from ecm.frontend.registry import Registry


class Eviction:
    """Closes idle connections. While only the reserve is left, it does so by itself."""

    def __init__(self, registry: "Registry") -> None:
        self._registry = registry
        self._idle = EvictionQueue()
        registry.clock.listen(self._tick)

    def evict(self) -> bool:
        """Close the connection that has been idle longest. Returns whether there is one.

        Nothing waits to be sent on it.
        """
        connection = self._idle.pop(self._registry.timed, self._latest)
        if connection is None:
            return False
        self._registry.metrics.ended["evicted"] += 1
        close_now(connection.transport)
        return True

    def evict_closing(self) -> bool:
        """Close one that waits only for its client to close. Returns whether there is one.

        The kernel has what it was sent, and delivers that.
        """
        connection = self._registry.closing.pop()
        if connection is None:
            return False
        self._registry.metrics.ended["evicted"] += 1
        close_now(connection.transport)
        return True

    @property
    def candidates(self) -> int:
        """The number of connections that ``evict`` would close, found by a search."""
        return len(evictable(self._registry.timed, self._latest))

    @property
    def _latest(self) -> float:
        """The latest deadline of a connection that has been idle long enough to make way."""
        return self._registry.deadlines[Phase.IDLE] - MIN_IDLE

    def _tick(self, now: float) -> None:
        self._idle.forget()
        self._registry.closing.tick()
        while self._registry.room.is_full and self.evict():
            pass


class EvictionQueue:
    """The connections that have been idle longest.

    The queue is filled once between two ticks, because that takes time in proportion to all
    connections that are timed.
    """

    def __init__(self) -> None:
        self._is_known = False
        # When each would have been closed anyway, the next one last.
        self._found: list[tuple[float, ClientConnection]] = []

    def forget(self) -> None:
        """Look again for the next one."""
        self._is_known = False
        self._found = []

    def pop(self, timed: Iterable[ClientConnection], latest: float) -> ClientConnection | None:
        """Return the connection among ``timed`` that would be closed next for being idle.

        None where none of them would be closed until ``latest``.
        """
        if not self._is_known:
            self._is_known = True
            self._found = sorted(evictable(timed, latest), key=itemgetter(0))[::-1]
        while self._found:
            deadline, connection = self._found.pop()
            if connection.idle_deadline == deadline:  # otherwise it was used since, or has closed
                return connection
        return None


def evictable(
    timed: Iterable[ClientConnection], latest: float
) -> list[tuple[float, ClientConnection]]:
    """Return the connections that would be closed for being idle until ``latest``, and when."""
    return [(each.idle_deadline, each) for each in timed if 0 < each.idle_deadline <= latest]
