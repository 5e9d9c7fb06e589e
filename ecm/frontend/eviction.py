"""Eviction: which connections make way for new ones, when there are as many as there may be."""

from collections.abc import Iterable
from operator import itemgetter

from ecm.frontend.connection import ClientConnection


class EvictionQueue:
    """The connections that have been idle longest.

    The queue is filled once between two ticks, because that takes time in proportion to all
    connections that are timed.
    """

    def __init__(self) -> None:
        self._is_known = False
        # When each would have been closed anyway, the next one last.
        self._found: list[tuple[float, ClientConnection]] = []

    def tick(self, now: float) -> None:
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
