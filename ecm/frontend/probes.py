"""The search for clients that have vanished: each connection is looked at once in five minutes."""

from collections.abc import Collection
from itertools import islice

from twisted.logger import Logger

from ecm.frontend.connection import ClientConnection
from ecm.limits import PROBE_STEP, PROBE_TIME
from ecm.metrics import Metrics

_log = Logger()


class Probes:
    """Looks at some connections at each tick, so that pings are spread, and knows none for itself.

    It goes through all by their order, a part of them at a time. Where some before that have closed
    since the last part, a few are left out of this round; not so for those that have vanished, who
    may be very many.
    """

    def __init__(self, connections: Collection[ClientConnection], metrics: Metrics) -> None:
        self._connections = connections
        self._metrics = metrics
        self._position = 0
        # Connections in a part: no fewer than at the beginning of the round.
        self._size = 0
        self._part: list[ClientConnection] = []
        # Those that have vanished since the log was told.
        self._vanished = 0
        # Ticks until the next part, and the connections at each of them.
        self._ticks = 0
        self._at_once = 0

    def tick(self, now: float) -> None:
        """Look at those that are due, and abort those that have vanished."""
        if not self._ticks:
            self._next_part()
        self._ticks -= 1
        due, self._part = self._part[: self._at_once], self._part[self._at_once :]
        vanished = [each for each in due if each.probe(now)]
        for connection in vanished:
            connection.transport.abortConnection()
        self._metrics.ended["vanished"] += len(vanished)
        self._vanished += len(vanished)
        self._position -= len(vanished)

    def _next_part(self) -> None:
        """Take those that are due until the next part: as many at each tick."""
        self._tell()
        self._ticks = PROBE_STEP
        if self._position >= len(self._connections):
            self._position = self._size = 0
        self._size = max(self._size, -(-len(self._connections) * PROBE_STEP // PROBE_TIME))
        self._part = list(islice(self._connections, self._position, self._position + self._size))
        self._position += self._size
        self._at_once = -(-self._size // PROBE_STEP)

    def _tell(self) -> None:
        """Log those of the last part in one line: of very many, some vanish in each second."""
        if self._vanished:
            _log.info(
                "{number} clients have vanished: no answer to a ping; connections aborted",
                number=self._vanished,
            )
            self._vanished = 0
