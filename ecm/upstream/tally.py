"""A tally of what may happen for each request, for few lines in the log. Pure."""

from ecm.limits import LOG_INTERVAL


class Tally:
    """The first time is logged at once, further times as a number for each interval."""

    __slots__ = ("_is_quiet", "_last", "_since", "_times")

    def __init__(self) -> None:
        self._is_quiet = True
        # When the interval began: at the first tick after the first time.
        self._since: float | None = None
        self._times = 0
        self._last = ""

    def add(self, what: str) -> bool:
        """Note that it happens. Returns whether to log it now."""
        self._last = what
        if self._is_quiet:
            self._is_quiet = False
            return True
        self._times += 1
        return False

    def tick(self, now: float) -> tuple[int, str]:
        """Take notice of the time, in seconds.

        Returns how often it has happened since the last line, and what the last one was; 0 if
        nothing is to be logged now.
        """
        if self._is_quiet:
            return 0, ""
        if self._since is None:
            self._since = now
        if now - self._since < LOG_INTERVAL:
            return 0, ""
        times, self._times = self._times, 0
        self._is_quiet = not times
        self._since = now if times else None
        return times, self._last
