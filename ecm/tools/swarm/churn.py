"""Users who go, with a goodbye or without, and come again."""

from collections import deque
from collections.abc import Callable
from heapq import heappop
from itertools import cycle
from random import uniform
from typing import Generic, TypeVar

from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.draw import draw, is_online
from ecm.tools.swarm.rate import Rate
from ecm.tools.swarm.sockets import Sockets
from ecm.tools.swarm.transport import Transport
from ecm.tools.swarm.user import User

# Seconds for which a connection stays open that nobody reads: longer than a server waits for whom
# it hears no more.
SILENCE = 300.0

U = TypeVar("U", bound=User)


class Churn(Generic[U]):
    """``rate`` users a second go in turns: they say goodbye, their connections are reset, or they
    fall silent. Each comes again after ``absence``, a mean of seconds, beside what the server may
    still have of it."""

    def __init__(
        self,
        rate: float,
        absence: float,
        sockets: Sockets[U],
        transport: Transport[U],
        attendance: Attendance[U],
        delivery: Delivery,
    ) -> None:
        self._sockets = sockets
        self._transport = transport
        self._attendance = attendance
        self._clock = attendance.clock
        self._goes = Rate(rate, self._clock())
        self._ways: cycle[Callable[[U], None]] = cycle([transport.leave, self._break, self._fade])
        self._silent: deque[tuple[float, int]] = deque()  # when to cut which connection
        attendance.absence = lambda: uniform(0, 2 * absence)
        attendance.gone = delivery.doubt

    def go_on(self, room: int) -> None:
        """Do what is due now; ``room`` is how many may log in at the same time."""
        now = self._clock()
        while self._silent and self._silent[0][0] <= now:
            self._sockets.cut(self._silent.popleft()[1])
        for _ in range(self._goes.due(now)):
            self._goes.begin()
            if (user := draw(self._attendance.users, is_online)) is not None:
                next(self._ways)(user)
        failed = self._attendance.failed
        while failed and failed[0][0] <= now and self._attendance.logging_in < room:
            self._transport.log_in(heappop(failed)[1])

    def _break(self, user: U) -> None:
        for line in self._transport.vanish(user):
            self._sockets.cut(line)

    def _fade(self, user: U) -> None:
        for line in self._transport.vanish(user):
            self._sockets.abandon(line)
            self._silent.append((self._clock() + SILENCE, line))
