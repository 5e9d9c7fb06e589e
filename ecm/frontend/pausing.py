"""The reading side of connections that are streams: whether the client may send."""

from ecm.frontend.registry import Registry
from ecm.frontend.sending import SendingConnection


class PausingConnection(SendingConnection):
    """A connection that is read while what comes can be dealt with."""

    __slots__ = ("_paused",)

    def __init__(self, registry: Registry) -> None:
        super().__init__(registry)
        # Whether the transport is paused.
        self._paused = False

    def update_reading(self) -> None:
        wanted = self._may_read()
        if wanted is self._paused:
            self._paused = not wanted
            (self.transport.resumeProducing if wanted else self.transport.pauseProducing)()
        self._update_phase()

    def _may_read(self) -> bool:
        """Return whether the client may send."""
        return self.registry.reading and not (self._write_blocked and self._is_behind())

    def _update_phase(self) -> None:
        """Enter the phase of what the connection waits for."""
