"""The users of a process: decides who logs in, talks and leaves, and when."""

from collections.abc import Callable
from heapq import heappop
from typing import Any, Generic, TypeVar

from ecm.tools.swarm.attendance import Attendance
from ecm.tools.swarm.delivery import Delivery
from ecm.tools.swarm.draw import draw, is_online
from ecm.tools.swarm.messages import Talk, Task
from ecm.tools.swarm.rate import Rate
from ecm.tools.swarm.transport import Transport
from ecm.tools.swarm.user import User

# No more users begin once so many are given up while none is online: the server is not there, or
# does not know them.
HOPELESS = 20

_SWEEP = 5.0  # seconds between two searches for requests without an answer


U = TypeVar("U", bound=User)


class Population(Generic[U]):
    """``done`` names the command that it has completed."""

    def __init__(
        self,
        task: Task,
        transport: Transport[U],
        attendance: Attendance[U],
        delivery: Delivery,
    ) -> None:
        self._task = task
        self._transport = transport
        self._attendance = attendance
        self._delivery = delivery
        self._clock = attendance.clock
        self._does: str = ""
        self._next = 0  # place of the first user who has not begun to log in, or to leave
        self._talk = Talk(0, 0, 0)
        self._users = self._polls = self._messages = Rate(0, 0)
        self._swept = self._clock()
        self._stale = 0

    def log_in(self) -> None:
        self._begin("log in")

    def talk(self, talk: Talk) -> None:
        """Let users send messages and polls."""
        now = self._clock()
        self._does, self._talk = "talk", talk
        self._messages = Rate(talk.message_rate, now)
        self._polls = Rate(talk.poll_rate, now)

    def storm(self) -> None:
        """Let all who are left log in at once, while the others go on talking."""
        self._does = "storm"
        self._attendance.storm_began = self._clock()

    def hush(self) -> None:
        """Let users send nothing new, and wait for the messages under way."""
        self._does = "hush"

    def leave(self) -> None:
        """Let all online users leave, and those who are logging in once they are online."""
        self._begin("leave")

    def _begin(self, does: str) -> None:
        self._does, self._next = does, 0
        self._users = Rate(self._task.rate, self._clock())

    @property
    def done(self) -> str:
        return self._does if self._does and _DONE[self._does](self) else ""

    def go_on(self) -> float:
        """Begin what is due now, and return the seconds until more is."""
        now = self._clock()
        self._transport.repeat()
        if now - self._swept > _SWEEP:
            self._swept = now
            self._transport.time_out()
            self._stale = self._delivery.missing_since(now - self._task.patience)
        if self._does:
            _GO_ON[self._does](self, now)
        return min(rate.wait(now) for rate in (self._users, self._messages, self._polls))

    # Logins.

    def _log_in(self, now: float) -> None:
        room = self._task.at_once - self._attendance.logging_in
        for _ in range(min(room, self._users.due(now))):
            place = self._who_logs_in(now)
            if place is None:
                break
            self._users.begin()
            self._transport.log_in(place)

    def _who_logs_in(self, now: float) -> int | None:
        failed = self._attendance.failed
        if failed and failed[0][0] <= now:
            return heappop(failed)[1]
        if self._next >= self._all or self._hopeless:
            return None
        self._next += 1
        return self._next - 1

    @property
    def _all(self) -> int:
        """The number of users who are to log in by now."""
        return self._task.users - (0 if self._does == "storm" else self._task.storm)

    def _log_in_at_once(self, now: float) -> None:
        while (place := self._who_logs_in(now)) is not None:
            self._transport.log_in(place)
        self._say(now)

    @property
    def _hopeless(self) -> bool:
        """True if many users are given up and none is online."""
        return self._attendance.online == 0 and self._attendance.given_up >= HOPELESS

    def _logged_in(self) -> bool:
        begun = self._next == self._all or self._hopeless
        return begun and not self._attendance.logging_in and not self._attendance.failed

    # Messages and polls.

    def _say(self, now: float) -> None:
        for _ in range(min(self._messages_due(now), self._room())):
            sender, receiver = self._free(), draw(self._attendance.users, is_online)
            if sender is None or receiver is None:
                break
            self._messages.begin()
            self._transport.write(sender, receiver)
        for _ in range(min(self._polls.due(now), self._room())):
            if (user := self._free()) is None:
                break
            self._polls.begin()
            self._transport.poll(user)

    def _messages_due(self, now: float) -> int:
        """Messages that are missing for long do not block others."""
        due = self._messages.due(now)
        if self._talk.message_rate is None:
            due = min(due, self._task.at_once - (self._delivery.missing - self._stale))
        if self._talk.messages is not None:
            due = min(due, self._talk.messages - self._delivery.sent)
        return due

    def _room(self) -> int:
        return self._task.at_once - self._transport.speaking

    def _free(self) -> U | None:
        return draw(self._attendance.users, self._transport.is_free)

    def _said(self) -> bool:
        return self._talk.messages is not None and self._delivery.sent >= self._talk.messages

    def _rest(self, now: float) -> None:
        """Nothing new begins."""

    def _quiet(self) -> bool:
        return not self._delivery.missing and not self._transport.speaking

    # Leaving.

    def _take_leave(self, now: float) -> None:
        for _ in range(min(self._task.at_once - self._attendance.leaving, self._users.due(now))):
            user = self._who_leaves()
            if user is None:
                break
            self._users.begin()
            self._transport.leave(user)

    def _who_leaves(self) -> U | None:
        """Return the next user who is online; at the end also those who logged in meanwhile."""
        users = self._attendance.users
        while self._next < len(users):
            user = users[self._next]
            self._next += 1
            if user is not None and is_online(user):
                return user
        if self._attendance.online > self._attendance.leaving:
            self._next = 0
        return None

    def _gone(self) -> bool:
        return not self._attendance.online and not self._attendance.logging_in


_GO_ON: dict[str, Callable[[Population[Any], float], None]] = {
    "log in": Population._log_in,
    "talk": Population._say,
    "storm": Population._log_in_at_once,
    "hush": Population._rest,
    "leave": Population._take_leave,
}
_DONE: dict[str, Callable[[Population[Any]], bool]] = {
    "log in": Population._logged_in,
    "talk": Population._said,
    "storm": Population._logged_in,
    "hush": Population._quiet,
    "leave": Population._gone,
}
