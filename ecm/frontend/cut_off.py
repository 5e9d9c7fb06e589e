"""A stop that waits in vain: there is no link, and clients wait for nothing but answers."""

from twisted.internet.defer import Deferred

from ecm.frontend.registry import Registry
from ecm.limits import STOP_WITHOUT_LINK
from ecm.upstream.link import LinkStatus
from ecm.upstream.nodes import Nodes


class CutOff:
    """Looks at every tick for how long no node has had a link, neither up nor draining."""

    def __init__(self, registry: Registry, nodes: Nodes) -> None:
        self._registry = registry
        self._nodes = nodes
        self._seconds = 0.0
        self._last = registry.clock.now
        self._found: Deferred[None] | None = None
        registry.clock.listen(self._tick)

    def expect(self) -> Deferred[None]:
        """Return what fires once none of those who leave can be answered; perhaps it has."""
        found = self._found = Deferred()
        self._look()
        return found

    def _tick(self, now: float) -> None:
        is_linked = self._nodes.best not in (LinkStatus.BROKEN, LinkStatus.DOWN)
        self._seconds = 0 if is_linked else self._seconds + now - self._last
        self._last = now
        self._look()

    def _look(self) -> None:
        """Files that clients take need no link, and are waited for."""
        if self._found is None or self._seconds < STOP_WITHOUT_LINK:
            return
        if not any(each.is_sending for each in self._registry.leaving):
            found, self._found = self._found, None
            found.callback(None)
