"""The requests of BOSH users on their connections: each has two, and may have a request on both."""

from abc import ABC, abstractmethod
from collections import deque

from ecm.tools.bosh.body import TERMINATE, body
from ecm.tools.bosh.http import Endpoint
from ecm.tools.bosh.session import Phase
from ecm.tools.swarm.attendance import PAUSE, Attendance
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.sockets import Sockets, kind
from ecm.tools.swarm.user import NONE, BoshUser


class BoshRequests(ABC):
    """Sends requests, and repeats those that have got no answer.

    ``speaking`` is the number of users with a request in flight beside the held one.
    """

    def __init__(
        self, task: Task, sockets: Sockets[BoshUser], attendance: Attendance[BoshUser]
    ) -> None:
        self.speaking = 0
        self._sockets = sockets
        self._attendance = attendance
        self._clock = attendance.clock
        self._counters = attendance.counters
        self._endpoint = Endpoint(task.host, task.path)
        self._partial: dict[int, bytes] = {}
        self._broken: deque[tuple[float, BoshUser]] = deque()

    @abstractmethod
    def _fail(self, user: BoshUser, kind: str) -> None:
        """A request got no answer."""

    def _next(self, user: BoshUser) -> None:
        """Send the next request, on the other connection if one is held."""
        if user.line_due:
            self._hold(user)
        user.line_due = True
        user.rid += 1
        user.asked = self._clock()
        self._send(user, self._newest(user))

    def _hold(self, user: BoshUser) -> None:
        """The newest request becomes the one before it."""
        if user.other_due:  # it leaves, and has two requests in flight: drop the older one
            self._close(user.other)
            user.other = NONE
        else:
            self.speaking += 1
        user.line, user.other = user.other, user.line
        user.other_due = True

    def _newest(self, user: BoshUser) -> bytes:
        attributes = TERMINATE if user.phase is Phase.LEAVING else b""
        return self._endpoint.post(body(user.rid, user.sid, user.stanzas, attributes))

    def _send(self, user: BoshUser, request: bytes) -> None:
        """Send the newest request on its connection, which is opened if necessary."""
        self._counters.counts["requests"] += 1
        try:
            if user.line == NONE:
                user.line = self._sockets.open(user, request)
            else:
                self._sockets.send(user.line, request)
        except OSError as error:
            self._close(user.line)
            user.line = NONE
            self._fail(user, kind(error))

    def _close(self, line: int) -> None:
        if line != NONE:
            self._partial.pop(line, None)
            self._sockets.close(line)

    def _close_both(self, user: BoshUser) -> None:
        for line in (user.line, user.other):
            self._close(line)
        user.line = user.other = NONE

    def _forget(self, user: BoshUser, newest: bool) -> None:
        if newest:
            user.line = NONE
        else:
            user.other = NONE

    # Again.

    def _due_again(self, user: BoshUser, newest: bool) -> None:
        line = user.line if newest else user.other
        if line != NONE:
            self._close(line)
            self._forget(user, newest)
        if newest:
            user.line_due = True
        else:
            user.other_due = True
            self.speaking += 1

    def _repeat_after_pause(self, user: BoshUser) -> None:
        self._broken.append((self._clock() + PAUSE, user))

    def repeat(self) -> None:
        now = self._clock()
        while self._broken and self._broken[0][0] <= now:
            self._repeat(self._broken.popleft()[1])

    def _repeat(self, user: BoshUser) -> None:
        if user.line_due and user.line == NONE:
            user.asked = self._clock()
            self._send(user, self._newest(user))
        if user.other_due and user.other == NONE:
            self._repeat_other(user)

    def _repeat_other(self, user: BoshUser) -> None:
        """Retry it empty: it was sent long ago, and the server knows its content by the RID, if it
        arrived."""
        self._counters.counts["requests"] += 1
        try:
            request = self._endpoint.post(body(user.rid - 1, user.sid))
            user.other = self._sockets.open(user, request)
        except OSError as error:
            self._fail(user, kind(error))
