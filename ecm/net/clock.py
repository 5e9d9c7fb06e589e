"""The time, to the second: connections need no finer one, and have no timers of their own."""

from collections.abc import Callable
from email.utils import formatdate

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall


class CoarseClock:
    """Ticks once a second and tells its listeners.

    ``now`` is in seconds, from an arbitrary start; ``date`` is the Date header line of the present
    (RFC 9110, section 6.6.1), and ``wall`` the same in seconds since 1970. ``lag`` is how many
    seconds the last tick came too late: so long the reactor was busy, or the process had no CPU.
    """

    def __init__(self, reactor: IReactorTime, wall_time: Callable[[], float]) -> None:
        self._reactor = reactor
        self._wall_time = wall_time
        self._listeners: list[Callable[[float], None]] = []
        self._loop = LoopingCall(self._tick)
        self._loop.clock = reactor
        self._due = 0.0
        self.lag = 0.0
        self._read()

    def listen(self, listener: Callable[[float], None]) -> None:
        """Call ``listener`` with the time at every tick."""
        self._listeners.append(listener)

    def ignore(self, listener: Callable[[float], None]) -> None:
        """Call a listener no more."""
        self._listeners = [each for each in self._listeners if each != listener]

    def seconds(self) -> float:
        """Return the exact time, on the same scale as ``now``."""
        return self._reactor.seconds()

    def start(self) -> None:
        """Begin to tick, in a second for the first time."""
        self._due = self._reactor.seconds() + 1
        self._loop.start(1, now=False)

    def stop(self) -> None:
        """Tick no more. The clock must have been started."""
        self._loop.stop()

    def _read(self) -> None:
        self.now = self._reactor.seconds()
        self.wall = self._wall_time()
        self.date = b"Date: %b\r\n" % formatdate(self.wall, usegmt=True).encode()

    def _tick(self) -> None:
        self._read()
        self.lag = max(0.0, self.now - self._due)
        self._due += 1 + int(self.lag)  # those that are left out do not come later
        for listener in self._listeners:
            listener(self.now)
