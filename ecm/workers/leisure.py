"""The leisure of a worker: with little to do, it has new connections to itself. Pure."""

from ecm.limits import BURST, BUSY, CALM, FEW_CONNECTIONS, FEW_PART, LEAST_WINDOW


class Leisure:
    """Of one worker, by the CPU that it tells; times are seconds of one clock.

    It is busy from BUSY of a core on, and no more at CALM. Nothing is known of what those cost that
    it was given since a window of its CPU has ended: they are BURST at most.
    """

    def __init__(self, now: float) -> None:
        self._is_busy = False
        self._unknown = 0
        self._since = now
        self._cpu = 0.0

    def given(self) -> None:
        """It gets a connection."""
        self._unknown += 1

    def told(self, cpu: float, now: float) -> None:
        """It tells the seconds of CPU that it has had since its start.

        A window is LEAST_WINDOW long, or longer: of less nothing follows.
        """
        seconds = now - self._since
        if seconds < LEAST_WINDOW:
            return
        part = (cpu - self._cpu) / seconds
        self._is_busy = part > CALM if self._is_busy else part >= BUSY
        self._since, self._cpu, self._unknown = now, cpu, 0

    def suffices(self, load: int, capacity: int) -> bool:
        """Return whether one with so many connections, of so many that it may have, takes more."""
        few = min(FEW_CONNECTIONS, capacity * FEW_PART)
        return load < few and self._unknown < BURST and not self._is_busy
