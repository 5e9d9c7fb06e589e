"""Room for newcomers: whether only those who have a session may come."""

import sys

from twisted.logger import Logger

from ecm.limits import FULL_LOG_PAUSE, reserved

_log = Logger()


def for_newcomers(max_connections: int) -> int:
    """Return the number of connections above which newcomers are refused; 0 is no limit."""
    return max_connections - reserved(max_connections) if max_connections else sys.maxsize


class Room:
    """``is_full`` is whether a request that begins a session is to be refused.

    That is so ``in_reserve``, while there are more connections than ``most``, and while memory is
    short. ECM knows no sessions: it marks all requests, and ejabberd refuses newcomers.
    """

    def __init__(self, max_connections: int) -> None:
        self.most = for_newcomers(max_connections)
        self.is_full = self.in_reserve = False
        self._connections = 0
        self._is_short = False
        # Why it has been full since the last tick, and whether and when the log knows of it.
        self._full_because = ""
        self._was_full = False
        self._full_at = 0.0

    def update(self, connections: int) -> None:
        """Take the number of connections that are open."""
        self._connections = connections
        self.in_reserve = connections > self.most
        self.is_full = self.in_reserve or self._is_short
        if self.in_reserve:
            self._full_because = f"more than {self.most:,} connections"
        elif self._is_short:
            self._full_because = "memory is short"

    def set_memory(self, is_short: bool) -> None:
        """Note whether memory is short."""
        self._is_short = is_short
        self.update(self._connections)

    @property
    def is_crowded(self) -> bool:
        """True if an idle connection should make way for another one."""
        return self._is_short or self._connections >= self.most

    def tick(self, now: float) -> None:
        """Log when it is full, and when there has been room again for a while."""
        if self._full_because:
            self._full_at = now
            if not self._was_full:
                self._was_full = True
                _log.warn(
                    "full: {why}; newcomers get 503, users who are online notice nothing",
                    why=self._full_because,
                )
            if not self.is_full:
                self._full_because = ""
        elif self._was_full and now - self._full_at >= FULL_LOG_PAUSE:
            self._was_full = False
            number = self._connections
            _log.info("room for newcomers again, beside {number:,} connections", number=number)
