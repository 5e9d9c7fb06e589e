"""The users who log in, are online, or leave, and how it came to that, on any transport. Pure.

A transport tells it what becomes of its users; the population looks at it to decide what is next.
"""

from collections.abc import Callable
from heapq import heappush
from math import inf
from typing import Generic, TypeVar

from ecm.tools.bosh.session import Phase
from ecm.tools.swarm.accounts import Identities
from ecm.tools.swarm.counters import Counters
from ecm.tools.swarm.messages import Task
from ecm.tools.swarm.user import User

# Attempts at a login or a request before it is given up: a server that restarts is back by then,
# and one that is gone does not keep the swarm for long.
ATTEMPTS = 3
PAUSE = 1.0  # seconds between two attempts

U = TypeVar("U", bound=User)


def _ignore(number: int) -> None: ...


class Attendance(Generic[U]):
    """``users`` has those who are logging in or online, by place; None for all others.

    ``online`` counts those who are leaving, too; ``given_up`` is the number who could not log in.
    ``storm_began`` is when the last users began to log in all at once.

    With an ``absence``, who has gone comes again after the seconds that it gives, and who fails
    tries until it succeeds. ``gone`` is told the number of each whose session has ended.
    """

    def __init__(self, task: Task, counters: Counters, clock: Callable[[], float]) -> None:
        self.users: list[U | None] = [None] * task.users
        self.logging_in = self.online = self.leaving = self.given_up = 0
        self.failed: list[tuple[float, int]] = []  # a heap: when to retry, and whose place
        self.storm_began = inf
        self.absence: Callable[[], float] | None = None
        self.gone: Callable[[int], None] = _ignore
        self.identities = Identities(task)
        self.counters = counters
        self.clock = clock
        self._task = task
        self._attempts: dict[int, int] = {}

    def number(self, place: int) -> int:
        """Return the number of the user at a place."""
        return self._task.first + place

    def _place(self, user: U) -> int:
        return user.number - self._task.first

    def is_back(self, user: U) -> bool:
        """Return whether a user came with the storm."""
        return self._place(user) >= self._task.users - self._task.storm

    # What becomes of a user.

    def begins(self, user: U) -> None:
        self.users[self._place(user)] = user
        self.logging_in += 1

    def has_logged_in(self, user: U) -> None:
        now = self.clock()
        self.counters.counts["logins"] += 1
        self.counters.took("login", now - user.asked)
        if self.is_back(user):
            self.counters.took("return", now - self.storm_began)
        user.asked = now
        self.identities.remember(user)
        self.logging_in -= 1
        self.online += 1
        self.answered(user)

    def leaves(self, user: U) -> None:
        user.phase = Phase.LEAVING
        self.leaving += 1

    def has_left(self, user: U) -> None:
        self.counters.counts["left"] += 1
        self._remove(user)
        self._may_return(user)

    def has_vanished(self, user: U) -> None:
        self.counters.counts["vanished"] += 1
        self._remove(user)
        self._may_return(user)

    def _may_return(self, user: U) -> None:
        if self.absence:
            self._comes_again(user, self.absence())

    def has_failed(self, user: U, kind: str) -> None:
        """The session of a user has ended with an error of this kind."""
        self.counters.errors[kind] += 1
        self._remove(user)
        if user.phase >= Phase.ONLINE:
            self.counters.counts["lost"] += 1
            if self.absence:
                self._comes_again(user, PAUSE)
        elif self.absence or self.may_try_again(user):
            self._comes_again(user, PAUSE)
        else:
            self.counters.counts["given up"] += 1
            self.given_up += 1

    def is_refused(self, user: U, seconds: float) -> None:
        """In a storm, a user for whom there is no room comes again when the server says."""
        self.counters.counts["refused"] += 1
        self._remove(user)
        self._comes_again(user, seconds)

    def _comes_again(self, user: U, seconds: float) -> None:
        heappush(self.failed, (self.clock() + seconds, self._place(user)))

    def _remove(self, user: U) -> None:
        self.users[self._place(user)] = None
        if user.phase < Phase.ONLINE:
            self.logging_in -= 1
        else:
            self.online -= 1
            self.leaving -= user.phase is Phase.LEAVING
            self.gone(user.number)

    # Attempts.

    def may_try_again(self, user: U) -> bool:
        """Count an attempt that has failed, and return whether it was not the last."""
        attempts = self._attempts[user.number] = self._attempts.get(user.number, 1) + 1
        return attempts <= ATTEMPTS

    def answered(self, user: U) -> None:
        """The next failure is the first again."""
        if self._attempts:
            self._attempts.pop(user.number, None)
