"""``python -m bench.faults.users``: the process of all users. messages.py has its commands."""

import json
import os
import random
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from bench.faults.messages import Report, Result, Task
from bench.faults.record import Record
from bench.faults.result import result
from bench.faults.sessions import Sessions
from bench.faults.speech import Speech
from bench.faults.user import User
from ecm.kernel import raise_open_files
from ecm.tools.swarm.rate import Rate

_LOOK = 0.1  # seconds between two looks at what is due, as Strophe has them
_REPORTS = 1.0  # seconds between two reports
_AT_ONCE = 50  # users who log in at the same time


class Users:
    """All users of the task. Each public method but ``run`` is a command."""

    def __init__(self, task: Task) -> None:
        self._users = [User(number) for number in range(task.users)]
        self._record = Record()
        self._sessions = Sessions(task.port, self._record)
        self._speech = Speech(self._users, self._record)
        self._random = random.Random(15)  # so that each run is as the one before
        self._renewals = Rate(0, 0)
        self._watched = frozenset(range(task.users))
        self._told: Result = {}
        self._commands = b""
        self._runs = True

    def _of(self, numbers: list[int]) -> list[User]:
        return [self._users[number] for number in numbers]

    # Commands.

    def log_in(self, first: int, count: int, at_once: int = _AT_ONCE) -> None:
        """Let these log in, so many at the same time."""
        self._sessions.at_once = at_once
        self._sessions.log_in(self._users[first : first + count])

    def talk(self, talkers: int, rate: float) -> None:
        """From now on so many converse, each with a neighbour, and errors count."""
        self._speech.talk(talkers, rate, time.monotonic())
        for user in self._users:
            user.forgive()

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
        for user in self._of(numbers):
            user.strophe.sleeps = sleeps

    def mute(self, numbers: list[int], is_mute: bool) -> None:
        """Let these not read what comes, or read again."""
        for user in self._of(numbers):
            self._sessions.browser.mute(user, is_mute)

    def renew(self, rate: float) -> None:
        """Let so many users a second forget their session, and log in anew."""
        self._renewals = Rate(rate, time.monotonic())

    def watch(self, numbers: list[int]) -> None:
        """Only these count in the result."""
        self._watched = frozenset(numbers)

    def dismiss(self, numbers: list[int]) -> None:
        """Let these go, and not come again."""
        self._sessions.dismiss(self._of(numbers))

    def hush(self) -> None:
        """Nobody says anything more, or logs in anew."""
        self._speech.hush()
        self._renewals = Rate(0, time.monotonic())

    def collect(self) -> None:
        """Everybody says goodbye and logs in once more, to get what is in offline storage."""
        self._told = self._result()
        self._record.collect()
        for user in self._users:
            self._sessions.leave(user, time.monotonic())

    def result(self) -> None:
        """Tell what came of it all."""
        _write({"result": self._told | {"losses": self._result()["losses"]}})

    def _result(self) -> Result:
        return result(self._record, self._users, self._speech.talkers, self._watched)

    # The loop.

    def run(self) -> None:
        """Run until the end of stdin."""
        browser = self._sessions.browser
        browser.watch(sys.stdin.fileno(), self._read)
        looked = reported = time.monotonic()
        while self._runs:
            browser.wait()
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
        self._runs = bool(data)
        *commands, self._commands = (self._commands + data).split(b"\n")
        for command in map(json.loads, commands):
            getattr(self, command.pop("do"))(**command)

    def _look(self, now: float) -> None:
        """Do what is due, for everybody."""
        self._sessions.go_on(now)
        for _ in range(self._renewals.due(now)):
            self._renewals.begin()
            self._sessions.renew(self._users[self._random.choice(self._speech.talkers)], now)
        for user in self._users:
            if user.session is not None:
                self._sessions.push(user, now)

    def _report(self, now: float) -> Report:
        return Report(
            online=sum(user.is_online for user in self._users),
            logging_in=self._sessions.awaited,
            troubled=sum(user.is_in_trouble for user in self._users),
            missing=self._record.expected,
            sessions_lost=sum(user.lost.total() for user in self._users),
            users_with_errors=sum(bool(user.errors) for user in self._users),
            idle=now - self._sessions.heard,
        )


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
