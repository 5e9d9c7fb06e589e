"""``python -m bench.faults.users``: the process of all users. messages.py has its commands.

A user whose session ends logs in again after a moment.
"""

import json
import os
import random
import signal
import sys
import time
from collections import deque
from contextlib import suppress
from typing import Any

from bench.faults.browser import Browser
from bench.faults.messages import Report, Result, Task
from bench.faults.record import Record
from bench.faults.result import result
from bench.faults.speech import Speech
from bench.faults.strophe import Request
from bench.faults.user import User
from ecm.kernel import raise_open_files
from ecm.tools.bosh.body import termination
from ecm.tools.bosh.http import Answer, BadAnswer
from ecm.tools.bosh.login import LoginError
from ecm.tools.swarm.rate import Rate

_LOOK = 0.1  # seconds between two looks at what is due, as Strophe has them
_REPORTS = 1.0  # seconds between two reports
_AT_ONCE = 50  # users who log in at the same time
_PAUSES = (1.0, 3.0)  # seconds from the end of a session to the next login


class Users:
    """All users of the task."""

    def __init__(self, task: Task) -> None:
        self.users = [User(number) for number in range(task.users)]
        self._browser = Browser(task.port, self)
        self._record = Record()
        self._speech = Speech(self.users, self._record)
        self._random = random.Random(15)  # so that each run is as the one before
        self._watched = frozenset(range(task.users))
        self._logins: deque[User] = deque()
        self._again: deque[tuple[float, User]] = deque()
        self._renewals = Rate(0, 0)
        self._logging_in = self._leaving = 0
        self._at_once = _AT_ONCE
        self._heard = 0.0  # when the last message came
        self._told: Result = {}
        self.runs = True

    # Commands.

    def log_in(self, first: int, count: int, at_once: int = _AT_ONCE) -> None:
        """Let these log in, so many at the same time."""
        self._at_once = at_once
        self._logins.extend(self.users[first : first + count])

    def talk(self, talkers: int, rate: float) -> None:
        """From now on so many converse, each with a neighbour, and errors count."""
        self._speech.talk(talkers, rate, time.monotonic())
        for user in self.users:
            user.aborts = 0
            user.errors.clear()
            user.lost.clear()

    def flood(
        self, receiver: int, first: int, senders: int, count: int, size: int, rate: float
    ) -> None:
        """Let so many users, from the first one on, write so many messages to one user."""
        from_whom = range(first, first + senders)
        self._speech.flood(receiver, from_whom, count, size, rate, time.monotonic())

    def join(self, members: list[int]) -> None:
        """Let these enter the room."""
        self._speech.join(members)

    def crowd(self, speakers: list[int], size: int, rate: float) -> None:
        """Let these write to the room."""
        self._speech.crowd(speakers, size, rate, time.monotonic())

    def sleep(self, numbers: list[int], sleeps: bool) -> None:
        """Let these make no request of their own accord, or do so again."""
        for number in numbers:
            self.users[number].strophe.sleeps = sleeps

    def mute(self, numbers: list[int], is_mute: bool) -> None:
        """Let these not read what comes, or read again."""
        for number in numbers:
            self._browser.mute(self.users[number], is_mute)

    def renew(self, rate: float) -> None:
        """Let so many users a second forget their session, and log in anew."""
        self._renewals = Rate(rate, time.monotonic())

    def watch(self, numbers: list[int]) -> None:
        """Only these count in the result."""
        self._watched = frozenset(numbers)

    def dismiss(self, numbers: list[int]) -> None:
        """Let these go, and not come again."""
        for number in numbers:
            user = self.users[number]
            user.is_dismissed = True
            if user.session is not None:
                self._end(user, "dismissed")
        self._logins = deque(user for user in self._logins if not user.is_dismissed)
        self._again = deque(each for each in self._again if not each[1].is_dismissed)

    def hush(self) -> None:
        """Nobody says anything more, or logs in anew."""
        self._speech.hush()
        self._renewals = Rate(0, time.monotonic())

    def collect(self) -> None:
        """Everybody says goodbye and logs in once more, to get what is in offline storage."""
        self._told = self._result()
        self._record.collect()
        now = time.monotonic()
        for user in self.users:
            if user.is_online:
                user.leave(now)
                self._leaving += 1

    def result(self) -> None:
        """Tell what came of it all."""
        _write({"result": self._told | {"losses": self._result()["losses"]}})

    def _result(self) -> Result:
        return result(self._record, self.users, self._speech.talkers, self._watched)

    # The loop.

    def run(self) -> None:
        """Run until the end of stdin."""
        self._browser.watch(sys.stdin.fileno(), self._read)
        self._commands = b""
        looked = reported = time.monotonic()
        while self.runs:
            self._browser.wait()
            now = time.monotonic()
            self._speech.go_on(now)
            if now - looked > _LOOK:
                looked = now
                self._look(now)
            if now - reported > _REPORTS:
                reported = now
                _write(self._report(now)._asdict())

    def _read(self) -> None:
        data = os.read(sys.stdin.fileno(), 65536)
        self.runs = bool(data)
        *commands, self._commands = (self._commands + data).split(b"\n")
        for command in map(json.loads, commands):
            getattr(self, command.pop("do"))(**command)

    def _report(self, now: float) -> Report:
        return Report(
            online=sum(user.is_online for user in self.users),
            logging_in=self._logging_in + len(self._logins) + len(self._again) + self._leaving,
            troubled=sum(user.strophe.is_in_trouble for user in self.users),
            missing=self._record.expected,
            sessions_lost=sum(user.lost.total() for user in self.users),
            users_with_errors=sum(bool(user.errors) for user in self.users),
            idle=now - self._heard,
        )

    def _look(self, now: float) -> None:
        """Do what is due, for everybody."""
        while self._again and self._again[0][0] <= now:
            self._logins.append(self._again.popleft()[1])
        while self._logins and self._logging_in < self._at_once:
            self._logging_in += 1
            user = self._logins.popleft()
            user.begin(now)
            self._push(user, now)
        for _ in range(self._renewals.due(now)):
            self._renewals.begin()
            self._renew(self.users[self._random.choice(self._speech.talkers)], now)
        for user in self.users:
            if user.session is not None:
                self._push(user, now)

    def _renew(self, user: User, now: float) -> None:
        """Let a user log in beside the session that goes on, as after a reload of the page."""
        if not user.is_online:
            return
        outbox = user.strophe.outbox
        self._record.dropped(mark for request in user.strophe.requests for mark in request.marks)
        self._browser.close(user)
        self._logging_in += 1
        user.begin(now)
        user.strophe.outbox = outbox
        self._push(user, now)

    def _push(self, user: User, now: float) -> None:
        """Let Strophe make and send the requests that are due."""
        strophe = user.strophe
        for request in strophe.overdue(now):
            user.aborts += 1
            self._browser.abort(user, request)
        if user.is_online and user.session is not None and not user.session.leaves:
            strophe.idle(now)
        for request in [*strophe.due(now)]:
            self._browser.send(user, request)
        if strophe.ended:
            self._end(user, strophe.ended)

    # What comes of requests.

    def answered(self, user: User, request: Request, answer: Answer) -> None:
        now = time.monotonic()
        if answer.status >= 500:
            user.errors[f"status {answer.status}"] += 1
        try:
            condition = termination(answer.body) if answer.status == 200 else None
            user.strophe.answered(request, answer.status, now)
            if answer.status == 200:
                self._take(user, request, answer.body, condition, now)
        except (BadAnswer, LoginError) as error:
            user.strophe.ended = str(error)
        if user.session is not None:
            self._push(user, now)

    def _take(
        self, user: User, request: Request, body: bytes, condition: str | None, now: float
    ) -> None:
        """Raises LoginError, BadAnswer."""
        if b"<message" in body:
            self._heard = now
            self._record.arrived(user.number, body, now)
        if condition is not None:
            user.strophe.ended = f"terminate {condition}"
            return
        self._record.answered(request.marks)
        if user.session is not None and not user.is_online:
            user.advance(body, now)
            self._logging_in -= user.is_online

    def failed(self, user: User, request: Request, kind: str) -> None:
        user.errors[kind] += 1
        user.strophe.failed(request, time.monotonic())

    def _end(self, user: User, why: str) -> None:
        """The session is over."""
        now = time.monotonic()
        assert user.session is not None
        if user.session.leaves:
            self._leaving -= 1
            self._logins.append(user)
        elif not user.is_dismissed:
            self._again.append((now + self._random.uniform(*_PAUSES), user))
            if user.is_online:
                user.lost[why] += 1
            else:
                user.errors[f"login: {why}"] += 1
        self._logging_in -= not user.is_online
        self._record.dropped(user.strophe.marks())
        self._browser.close(user)
        user.session = None


def _write(told: dict[str, Any]) -> None:
    os.write(sys.stdout.fileno(), json.dumps(told).encode() + b"\n")


def main() -> None:
    # Ctrl-C at a terminal is for the coordinator, which closes stdin.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise_open_files()
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as stdin:
        line = stdin.readline()  # and nothing after it
    if line:
        with suppress(BrokenPipeError):  # the coordinator has gone
            Users(Task(**json.loads(line))).run()


if __name__ == "__main__":
    main()
