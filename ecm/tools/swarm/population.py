"""The users of a process together: who begins what, and when."""

import random
from collections.abc import Callable

from ecm.tools.bosh.session import Phase
from ecm.tools.swarm.delivery import Mail
from ecm.tools.swarm.messages import Talk, Task
from ecm.tools.swarm.rate import Pacer
from ecm.tools.swarm.sessions import Sessions
from ecm.tools.swarm.user import User

# Users of a process who are given up, with none who has come in, until no more begin: the
# server is not there, or does not know them.
HOPELESS = 20

_DRAWS = 10  # times that a user is drawn who is free; a crowd in which that fails is busy enough

_SWEEP = 5.0  # seconds between two looks for what is without an answer


class Crowd:
    """``done`` names what it has been told to do and has done."""

    def __init__(
        self,
        task: Task,
        sessions: Sessions,
        mail: Mail,
        clock: Callable[[], float],
    ) -> None:
        self._task = task
        self._sessions = sessions
        self._mail = mail
        self._clock = clock
        self._does: str = ""
        self._next = 0  # place of the first user who has not logged in, or not left
        self._talk = Talk(0, 0, 0)
        self._pacer = self._polls = self._messages = Pacer(0, 0)
        self._swept = clock()
        self._stale = 0

    def log_in(self) -> None:
        self._begin("log in")

    def talk(self, talk: Talk) -> None:
        """Let users send messages and polls."""
        now = self._clock()
        self._does, self._talk = "talk", talk
        self._messages = Pacer(talk.message_rate, now)
        self._polls = Pacer(talk.poll_rate, now)

    def hush(self) -> None:
        """Let users send nothing new, and wait for what is under way."""
        self._does = "hush"

    def leave(self) -> None:
        """Let all users leave who are online, and those who log in once they are."""
        self._begin("leave")

    def _begin(self, does: str) -> None:
        self._does, self._next = does, 0
        self._pacer = Pacer(self._task.rate, self._clock())

    @property
    def done(self) -> str:
        return self._does if self._does and _DONE[self._does](self) else ""

    def go_on(self) -> None:
        """Begin what is due."""
        now = self._clock()
        self._sessions.repeat()
        if now - self._swept > _SWEEP:
            self._swept = now
            self._sessions.time_out()
            self._stale = self._mail.missing_since(now - self._task.patience)
        if self._does:
            _GO_ON[self._does](self, now)

    # Logins.

    def _log_in(self, now: float) -> None:
        room = self._task.at_once - self._sessions.logging_in
        for _ in range(min(room, self._pacer.due(now))):
            place = self._who_logs_in(now)
            if place is None:
                break
            self._pacer.begin()
            self._sessions.log_in(place)

    def _who_logs_in(self, now: float) -> int | None:
        failed = self._sessions.failed
        if failed and failed[0][0] <= now:
            return failed.popleft()[1]
        if self._next == self._task.users or self._hopeless:
            return None
        self._next += 1
        return self._next - 1

    @property
    def _hopeless(self) -> bool:
        """Whether nobody of many has come in."""
        return self._sessions.online == 0 and self._sessions.given_up >= HOPELESS

    def _logged_in(self) -> bool:
        begun = self._next == self._task.users or self._hopeless
        return begun and not self._sessions.logging_in and not self._sessions.failed

    # Messages and polls.

    def _say(self, now: float) -> None:
        for _ in range(min(self._messages_due(now), self._room())):
            sender, receiver = self._free(), self._somebody()
            if sender is None or receiver is None:
                break
            self._messages.begin()
            self._sessions.write(sender, receiver)
        for _ in range(min(self._polls.due(now), self._room())):
            if (user := self._free()) is None:
                break
            self._polls.begin()
            self._sessions.poll(user)

    def _messages_due(self, now: float) -> int:
        """Those that are missing for long do not keep others from being sent."""
        due = self._messages.due(now)
        if self._talk.message_rate is None:
            due = min(due, self._task.at_once - (self._mail.missing - self._stale))
        if self._talk.messages is not None:
            due = min(due, self._talk.messages - self._mail.sent)
        return due

    def _room(self) -> int:
        return self._task.at_once - self._sessions.speaking

    def _free(self) -> User | None:
        for _ in range(_DRAWS):
            user = random.choice(self._sessions.users)
            if user is not None and self._sessions.is_free(user):
                return user
        return None

    def _somebody(self) -> User | None:
        for _ in range(_DRAWS):
            user = random.choice(self._sessions.users)
            if user is not None and user.phase is Phase.ONLINE:
                return user
        return None

    def _said(self) -> bool:
        return self._talk.messages is not None and self._mail.sent >= self._talk.messages

    def _rest(self, now: float) -> None:
        """Nothing new begins."""

    def _quiet(self) -> bool:
        return not self._mail.missing and not self._sessions.speaking

    # Leaving.

    def _take_leave(self, now: float) -> None:
        for _ in range(min(self._task.at_once - self._sessions.leaving, self._pacer.due(now))):
            user = self._who_leaves()
            if user is None:
                break
            self._pacer.begin()
            self._sessions.leave(user)

    def _who_leaves(self) -> User | None:
        """The next one who is online; in the end those who have become so."""
        users = self._sessions.users
        while self._next < len(users):
            user = users[self._next]
            self._next += 1
            if user is not None and user.phase is Phase.ONLINE:
                return user
        if self._sessions.online > self._sessions.leaving:
            self._next = 0
        return None

    def _gone(self) -> bool:
        return not self._sessions.online and not self._sessions.logging_in


_GO_ON: dict[str, Callable[[Crowd, float], None]] = {
    "log in": Crowd._log_in,
    "talk": Crowd._say,
    "hush": Crowd._rest,
    "leave": Crowd._take_leave,
}
_DONE: dict[str, Callable[[Crowd], bool]] = {
    "log in": Crowd._logged_in,
    "talk": Crowd._said,
    "hush": Crowd._quiet,
    "leave": Crowd._gone,
}
