"""The pace at which turns follow each other while several sockets are readable at once.

To wake up, and to wake ejabberd, costs more CPU than to read one more socket. So a turn like that
is followed by a rest, in which others become readable: network cards moderate interrupts likewise.
"""

from collections.abc import Callable
from math import inf
from select import select

from twisted.internet.interfaces import IReactorTime

from ecm.limits import TURN_INTERVAL


def sleep(seconds: float) -> None:
    """Sleep for less than a second. time.sleep fails where libfaketime sets the clock."""
    select((), (), (), seconds)


class Pace:
    """Lets no such turn end sooner than TURN_INTERVAL after the one before.

    A turn that takes longer, or has others of its worker's work before it, is followed by no rest.
    """

    def __init__(self, reactor: IReactorTime, sleep: Callable[[float], None] = sleep) -> None:
        self._reactor = reactor
        self._sleep = sleep
        self._ended = -inf

    def keep(self) -> None:
        """A turn ends that has read several sockets: rest for what is left of the interval."""
        now = self._reactor.seconds()
        rest = min(self._ended + TURN_INTERVAL - now, TURN_INTERVAL)
        if rest > 0:
            self._sleep(rest)
            now += rest
        self._ended = now
