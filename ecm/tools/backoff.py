"""How long to wait before a process that keeps ending is started again."""

import attrs

_MAX_PAUSE = 30.0  # seconds
_MIN_UPTIME = 60.0  # seconds; a process that ran that long has had no trouble starting


@attrs.define
class Backoff:
    """The pauses for one process: none, 1 second, 2, 4 …; none again once it ran for long."""

    _pause: float = attrs.field(init=False, default=0.0)  # seconds

    def next_pause(self, ran: float) -> float:
        """The pause in seconds, for a process that has just ended and ran for so many."""
        if ran >= _MIN_UPTIME:
            self._pause = 0.0
        pause, self._pause = self._pause, min(max(1.0, 2 * self._pause), _MAX_PAUSE)
        return pause
