"""A drain: clients are sent to another ECM, spread over a time, while new ones are served still."""

from math import ceil

from ecm.frontend.registry import Registry


class Draining:
    """Has a share of all connections leave at every tick, those first that were opened first.

    One that leaves is closed behind the answers to its requests, and its sessions are asked to give
    these now. Whoever comes meanwhile is served, and leaves in turn; once the time is over, at the
    next tick.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._until = 0.0
        registry.clock.listen(self._tick)

    def begin(self, seconds: float) -> None:
        """Send all clients away within so many seconds."""
        self._until = self._registry.clock.now + seconds
        self._registry.sends_away = self._registry.keeps_no_idle = True

    def end(self) -> None:
        """Let all stay who have not gone; it may be that none were sent away."""
        self._registry.sends_away = False
        if not self._registry.draining:
            self._registry.leaving.clear()

    def _tick(self, now: float) -> None:
        registry = self._registry
        if registry.draining or not registry.sends_away:
            return
        staying = [each for each in registry.open if each not in registry.leaving]
        share = ceil(len(staying) / max(1.0, self._until - now))
        for connection in staying[:share]:
            registry.leaving[connection] = None
            connection.drain()
            connection.release()
