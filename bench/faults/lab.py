"""One run of one fault: users talk, something breaks, and what they notice is counted."""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from bench.faults.crowd import Crowd
from bench.faults.goal import Goal
from bench.faults.messages import Report, Result, Task
from bench.faults.stack import Setup, Stack, started
from ecm.tools.errors import ToolError

_LOGIN_TIMEOUT = 180.0  # seconds for all users, on a machine that does other things
_TELL = 5.0  # seconds between two lines about how it goes
_QUIET = 3.0  # seconds without a message after which no more are expected


@attrs.frozen
class Size:
    """The size of a run. ``rate`` is messages a second.

    ``warm_up`` and ``recovery`` are the seconds before the fault and after it, ``patience`` those
    for messages that have not arrived, and for users who repeat a request: Strophe does that after
    up to 64 seconds. ``scale`` makes faults longer or shorter.
    """

    users: int = 600
    rate: float = 50
    warm_up: float = 5
    recovery: float = 20
    patience: float = 100
    scale: float = 1

    def users_of(self, more: float) -> range:
        """Return the users of a fault that needs so many times as many."""
        return range(int(self.users * more))

    def seconds(self, users: int) -> float:
        """Return the time that a run takes, without its fault."""
        logins = 2 * users / 60
        return 8 + logins + self.warm_up + self.recovery + 2 * _QUIET


QUICK = Size(users=120, rate=20, warm_up=2, recovery=6, patience=45, scale=0.25)


class Skipped(Exception):
    """This fault cannot be tried here; the text says why."""


class Lab:
    """The subject of a fault, while it lasts.

    Of all ``users`` the ``first`` are there from the beginning, and of these the first ones talk.
    """

    def __init__(self, stack: Stack, crowd: Crowd, fault: "Fault", size: Size) -> None:
        self.stack = stack
        self.crowd = crowd
        self.size = size
        self.users = size.users_of(fault.more)
        self.first = self.users[: int(len(self.users) * fault.first)]
        self.talkers = len(self.first) // 4 * 2
        self._told = time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let time pass. Raises ProcessFailed where the users' process has ended."""
        self.crowd.wait(lambda: False, seconds, self.tell)

    def wait_until(self, done: Callable[[], bool], timeout: float) -> None:
        """Let time pass until something is so, or ``timeout`` seconds."""
        self.crowd.wait(done, timeout, self.tell)

    def tell(self, report: Report) -> None:
        """Say on the terminal how it goes, from time to time."""
        now = time.monotonic()
        if now - self._told > _TELL:
            self._told = now
            note(
                f"{report.online} online, {report.troubled} in trouble,"
                f" {report.missing} messages missing, {report.sessions_lost} sessions lost,"
                f" {report.users_with_errors} users with errors"
            )


@attrs.frozen
class Fault:
    """``what`` is a line for the reader, ``seconds`` the time that ``inject`` takes; it raises
    Skipped before anything has happened. ``recovery`` is the time in seconds that users need to be
    as before.

    There are ``more`` times as many users as usual. Of them ``first`` is the share that logs in
    before the fault, half of whom converse.
    """

    name: str
    what: str
    inject: Callable[[Lab], None]
    goal: Goal
    seconds: float
    setup: Setup = Setup()
    recovery: float = 0
    more: float = 1
    first: float = 1


def run(fault: Fault, size: Size, code: Sequence[Path], logs: Path | None = None) -> Result:
    """Run it once, and leave the logs in a folder. Raises ToolError, Skipped."""
    with TemporaryDirectory(prefix="megaphone-faults-") as name:
        try:
            with (
                started(Path(name), code, fault.setup) as stack,
                Crowd(Task(len(size.users_of(fault.more)), stack.port)) as crowd,
            ):
                return _course(fault, Lab(stack, crowd, fault, size))
        finally:
            if logs is not None:
                _keep(Path(name), logs)


def _keep(folder: Path, logs: Path) -> None:
    """Copy all logs, each under the name of its folder, too."""
    logs.mkdir(parents=True, exist_ok=True)
    for log in folder.rglob("*.log"):
        shutil.copy(log, logs / "-".join(log.relative_to(folder).parts))


def _course(fault: Fault, lab: Lab) -> Result:
    crowd, size = lab.crowd, lab.size
    _log_in(lab)
    crowd.tell("talk", talkers=lab.talkers, rate=size.rate)
    lab.wait(size.warm_up)
    note("the fault begins")
    began = time.monotonic()
    fault.inject(lab)
    took = time.monotonic() - began
    note(f"the fault is over after {took:.1f} s")
    lab.wait(size.recovery + fault.recovery)
    crowd.tell("hush")
    crowd.until(_is_settled, size.patience, lab.tell)
    crowd.tell("collect")
    crowd.until(_is_collected, _LOGIN_TIMEOUT, lab.tell)
    result = crowd.result() | {"fault_seconds": round(took, 1), "absent": crowd.last.logging_in}
    for what in ("errors", "sessions_lost"):
        if result[what]:
            note(f"{what.replace('_', ' ')}: {result[what]}")
    return result


def _log_in(lab: Lab) -> None:
    count = len(lab.first)
    lab.crowd.tell("log_in", first=0, count=count)
    if not lab.crowd.until(lambda last: last.online == count, _LOGIN_TIMEOUT, lab.tell):
        raise ToolError(f"only {lab.crowd.last.online} of {count} users have logged in")


def _is_settled(last: Report) -> bool:
    """True if everybody is online again, and all has arrived."""
    return not (last.missing or last.logging_in or last.troubled)


def _is_collected(last: Report) -> bool:
    """True if everybody has logged in once more, and nothing more comes."""
    return not last.logging_in and last.idle > _QUIET


def note(text: str) -> None:
    """Say something on the terminal."""
    print(f"    {text}", file=sys.stderr, flush=True)
