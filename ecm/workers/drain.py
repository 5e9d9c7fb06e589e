"""The drain of all workers together, of which those are told, too, that start meanwhile."""

from twisted.internet.interfaces import IReactorTime

from ecm.workers import control


class Drain:
    """Knows until when clients are sent away. Each worker is told its ``order`` again and again."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._until = 0.0
        self.is_on = False
        self._was_on = False

    def begin(self, seconds: float) -> None:
        """Send clients away within so many seconds."""
        self._until = self._clock.seconds() + seconds
        self.is_on = self._was_on = True

    def end(self) -> None:
        """Send nobody away any more."""
        self.is_on = False

    @property
    def order(self) -> bytes:
        """The message for a worker; empty if there has been no drain."""
        if self.is_on:
            return control.encode_drain(max(0.0, self._until - self._clock.seconds()))
        return control.UNDRAIN if self._was_on else b""
