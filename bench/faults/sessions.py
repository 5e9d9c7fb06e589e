"""The sessions of all users: who logs in, what comes of requests, and who logs in again.

A user whose session ends logs in again after a moment.
"""

import random
import time
from collections import deque
from collections.abc import Iterable

from bench.faults.browser import Browser
from bench.faults.record import Record
from bench.faults.strophe import Request
from bench.faults.user import User
from ecm.tools.bosh.body import termination
from ecm.tools.bosh.http import Answer, BadAnswer
from ecm.tools.bosh.login import LoginError

_PAUSES = (1.0, 3.0)  # seconds from the end of a session to the next login


class Sessions:
    """``at_once`` users may log in at the same time. ``heard`` is when the last message came."""

    def __init__(self, port: int, record: Record) -> None:
        self.browser = Browser(port, self)
        self.at_once = 1
        self.heard = 0.0
        self._record = record
        self._random = random.Random(15)  # so that each run is as the one before
        self._logins: deque[User] = deque()
        self._again: deque[tuple[float, User]] = deque()
        self._logging_in = self._leaving = 0

    @property
    def awaited(self) -> int:
        """The number of users who are not online, and will be."""
        return self._logging_in + len(self._logins) + len(self._again) + self._leaving

    # The lives of sessions.

    def log_in(self, users: Iterable[User]) -> None:
        """Let these log in, one after the other."""
        self._logins.extend(users)

    def go_on(self, now: float) -> None:
        """Let those log in who may."""
        while self._again and self._again[0][0] <= now:
            self._logins.append(self._again.popleft()[1])
        while self._logins and self._logging_in < self.at_once:
            self._begin(self._logins.popleft(), now)

    def _begin(self, user: User, now: float) -> None:
        self._logging_in += 1
        user.begin(now)
        self.push(user, now)

    def renew(self, user: User, now: float) -> None:
        """Let a user log in beside the session that goes on, as after a reload of the page."""
        if user.is_online:
            outbox = user.strophe.outbox
            self._record.dropped(user.strophe.in_flight())
            self.browser.close(user)
            self._begin(user, now)
            user.strophe.outbox = outbox

    def leave(self, user: User, now: float) -> None:
        """Let a user who is online say goodbye, and log in once more."""
        if user.is_online:
            user.leave(now)
            self._leaving += 1

    def dismiss(self, users: Iterable[User]) -> None:
        """Let these go, and not come again."""
        for user in users:
            user.is_dismissed = True
            self._record.gone(user.number)
            if user.session is not None:
                self._end(user, "dismissed")
        self._logins = deque(user for user in self._logins if not user.is_dismissed)
        self._again = deque(each for each in self._again if not each[1].is_dismissed)

    def _end(self, user: User, why: str) -> None:
        assert user.session is not None
        if user.session.leaves:
            self._leaving -= 1
            self._logins.append(user)
        elif not user.is_dismissed:
            self._again.append((time.monotonic() + self._random.uniform(*_PAUSES), user))
            user.missed(why)
        self._logging_in -= not user.is_online
        self._record.dropped(user.strophe.marks())
        self.browser.close(user)
        user.session = None

    # Requests.

    def push(self, user: User, now: float) -> None:
        """Let Strophe make, repeat and send the requests that are due."""
        strophe = user.strophe
        for request in strophe.overdue(now):
            user.aborts += 1
            self.browser.abort(user, request)
        if user.is_online and user.session is not None and not user.session.leaves:
            strophe.idle(now)
        for request in [*strophe.due(now)]:
            self.browser.send(user, request)
        if strophe.ended:
            self._end(user, strophe.ended)

    def failed(self, user: User, request: Request, kind: str) -> None:
        user.errors[kind] += 1
        user.strophe.failed(request, time.monotonic())

    def answered(self, user: User, request: Request, answer: Answer) -> None:
        now = time.monotonic()
        if answer.status >= 500:
            user.errors[f"status {answer.status}"] += 1
        user.strophe.answered(request, answer.status, now)
        if answer.status == 200:
            try:
                self._take(user, request, answer.body, now)
            except (BadAnswer, LoginError) as error:
                user.strophe.ended = str(error)
        self.push(user, now)

    def _take(self, user: User, request: Request, body: bytes, now: float) -> None:
        """Raises LoginError, BadAnswer."""
        if b"<message" in body:
            self.heard = now
            self._record.arrived(user.number, body, now)
        condition = termination(body)
        if condition is not None:
            user.strophe.ended = f"terminate {condition}"
            return
        self._record.answered(request.marks)
        if not user.is_online:
            user.advance(body, now)
            self._logging_in -= user.is_online
