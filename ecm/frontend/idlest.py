"""Which connections make way for newcomers, when there are as many as there may be."""

from collections.abc import Iterable
from operator import itemgetter

from ecm.frontend.connection import Connection


class Idlest:
    """Finds those that have been idle longest.

    They are looked for once between two ticks, as it is work in proportion to all connections that
    are timed; and then taken one after the other.
    """

    def __init__(self) -> None:
        self._has_looked = False
        # When each would have been closed anyway, the next one last.
        self._found: list[tuple[float, Connection]] = []

    def tick(self) -> None:
        self._has_looked = False
        self._found = []

    def pop(self, timed: Iterable[Connection], latest: float) -> Connection | None:
        """Return the connection among ``timed`` that would be closed next for being idle.

        None where none of them would be closed until ``latest``.
        """
        if not self._has_looked:
            self._has_looked = True
            self._found = sorted(idle_among(timed, latest), key=itemgetter(0))[::-1]
        while self._found:
            until, connection = self._found.pop()
            if connection.idle_until == until:  # else it has done something, or gone
                return connection
        return None


def idle_among(timed: Iterable[Connection], latest: float) -> list[tuple[float, Connection]]:
    """Return those that are idle and would be closed for it until ``latest``, and when."""
    return [(each.idle_until, each) for each in timed if 0 < each.idle_until <= latest]
