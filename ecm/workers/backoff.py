"""How long to wait before a worker that has ended is replaced."""

from ecm.limits import MIN_UPTIME, RESPAWN_DELAY_MAX, RESPAWN_DELAY_MIN


class Backoff:
    """The pauses of one place: none after a steady worker, and longer ones for each that was not.

    All in seconds.
    """

    def __init__(self) -> None:
        self._next = 0.0

    def pause(self, ran: float) -> float:
        """Return the pause after a worker that ran for so long."""
        if ran >= MIN_UPTIME:
            self._next = 0.0
        pause, self._next = (
            self._next,
            min(max(RESPAWN_DELAY_MIN, 2 * self._next), RESPAWN_DELAY_MAX),
        )
        return pause
