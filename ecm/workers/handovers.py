"""The connections on their way to a worker, which another one can serve in its place."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress


class Handovers:
    """A duplicate of each connection that a worker was given, until it says that it has taken it.

    They are no more than fit into its control socket, some hundreds. A connection that a worker has
    taken is not given to another one: something of it may have been read.
    """

    def __init__(self) -> None:
        self._first = 1
        self._connections: deque[tuple[int, int, int]] = deque()

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, listener: int, family: int, connection: int) -> None:
        """Note a connection, a file descriptor, that was sent to the worker."""
        duplicate = -1
        with suppress(OSError):  # too many open files: this one cannot be given to another worker
            duplicate = os.dup(connection)
        self._connections.append((listener, family, duplicate))

    def taken(self, number: int) -> None:
        """The worker has taken so many connections since its start."""
        while self._connections and self._first <= number:
            self._first += 1
            _close(self._connections.popleft()[2])

    def take_back(self) -> Iterator[tuple[int, int, int]]:
        """Yield each connection that the worker has not taken, and will not take, and close it."""
        while self._connections:
            listener, family, connection = self._connections.popleft()
            self._first += 1
            if connection >= 0:
                yield listener, family, connection
                _close(connection)


def _close(connection: int) -> None:
    if connection >= 0:
        os.close(connection)
