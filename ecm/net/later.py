"""Work that goes on in later turns of the reactor, so that others have theirs in between."""

from collections import OrderedDict
from collections.abc import Callable

from twisted.logger import Logger

from ecm.limits import LATER_AT_ONCE
from ecm.net.reactor import ReactorCore

_log = Logger()

# A bound method is equal to itself each time that it is asked for.
Act = Callable[[], object]


class Later:
    """Calls what it is given in a later turn, in its order, a few in each: each once.

    Whose act fails has nobody else to notice it: what is to be done then is given, too.
    """

    def __init__(self, reactor: ReactorCore) -> None:
        self._reactor = reactor
        self._acts: OrderedDict[Act, Act] = OrderedDict()

    def __contains__(self, act: object) -> bool:
        return act in self._acts

    def add(self, act: Act, failed: Act) -> None:
        """Have something done in a later turn, and ``failed`` behind an error in it."""
        if not self._acts:
            self._reactor.callLater(0, self._turn)
        self._acts[act] = failed

    def _turn(self) -> None:
        few = min(len(self._acts), LATER_AT_ONCE)
        acts = [self._acts.popitem(last=False) for _ in range(few)]
        if self._acts:
            self._reactor.callLater(0, self._turn)
        for act, failed in acts:
            try:
                act()
            except Exception:
                _log.failure("error in ECM; closing the connection on which it happened")
                failed()
