"""The pulse of a worker: how long it has said nothing, as far as it could be heard. Pure."""

from ecm.limits import MAX_PULSE_CHECK, STARVED_TIMEOUTS, WEAK_PULSE, WORKER_START_TIMEOUT


class Pulse:
    """Counts the seconds since a worker's last word; ``timeout`` is when it counts as hung.

    They are seconds of the supervisor. While it was stopped, or the whole machine was, words could
    not come, or have come and are read next: so a late look counts no more than one in time.
    """

    def __init__(self, timeout: float) -> None:
        self.silence = 0.0
        self._timeout = timeout
        self._has_spoken = False

    def heard(self) -> None:
        """The worker has said something."""
        self.silence = 0.0
        self._has_spoken = True

    def tick(self, seconds: float) -> None:
        """So many seconds have passed since the last look."""
        self.silence += min(seconds, MAX_PULSE_CHECK)

    @property
    def is_weak(self) -> bool:
        """True when it has been silent for so long that it should get no new connections."""
        return self.silence >= self._timeout * WEAK_PULSE

    @property
    def has_stopped(self) -> bool:
        """True when it hangs. One that has not said its first word yet has more time."""
        return self.silence >= self._limit

    @property
    def is_hopeless(self) -> bool:
        """True when it counts as hung though it may be the machine that gives it no CPU."""
        return self.silence >= self._limit * STARVED_TIMEOUTS

    @property
    def _limit(self) -> float:
        return self._timeout if self._has_spoken else max(self._timeout, WORKER_START_TIMEOUT)
