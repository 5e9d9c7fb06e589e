"""Messages from the supervisor to the fork server. They are pickled: both are one program."""

import os
import pickle
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import attrs

from ecm.log.level import Levels
from ecm.settings import Settings

# The answer to a Preload that has succeeded; any other text says why it has not.
READY: Final = b"ready"

# The report of a process that was forked, before its ID; any other one says how it has ended.
FORKED: Final = "forked "

# Bytes of the longest message. Settings have a few kB.
MAX_MESSAGE: Final = 256 * 1024


@attrs.frozen
class Preload:
    """The first message: the parts to import and to read before workers are forked.

    ``reactor_kind`` is that of the reactor which twistd was told to use (ecm.net.reactor).
    """

    settings: Settings
    reactor_kind: str

    def encode(self) -> bytes:
        """Return the message. It begins with the form that it has in this program."""
        return _form() + pickle.dumps(self)

    @classmethod
    def decode(cls, message: bytes) -> "Preload":
        """Return what a message says. Raises ValueError if it has another form.

        A supervisor may have been started before the program was replaced.
        """
        form = _form()
        if not message.startswith(form):
            raise ValueError("the program was replaced by one that only a restart of ECM can start")
        preload: Preload = pickle.loads(message.removeprefix(form))
        return preload


@attrs.frozen
class Credentials:
    """The second message: user and group IDs (real, effective, saved), supplementary groups.

    See credentials(7).
    """

    users: tuple[int, int, int]
    groups: tuple[int, int, int]
    supplementary: tuple[int, ...]

    @classmethod
    def of_this_process(cls) -> "Credentials":
        """Return the credentials that this process has."""
        return cls(os.getresuid(), os.getresgid(), tuple(os.getgroups()))

    def take(self) -> None:
        """Give this process these credentials. Raises PermissionError."""
        if self != self.of_this_process():
            os.setgroups(self.supplementary)
            os.setresgid(*self.groups)
            os.setresuid(*self.users)


@attrs.frozen
class SpawnOrder:
    """A message after that: fork a worker, whose number is 1 or above.

    Two file descriptors go along: the worker's end of its control socket, and its stdout. The
    number is that of the process, which no other one has had; ``worker`` is that of its slot.
    ``levels`` are those of the log, which may be others than in the settings.
    """

    number: int
    settings: Settings
    worker: int
    levels: Levels


@attrs.frozen
class SpareOrder:
    """The same: fork a spare fork server. Its end of a socket to the supervisor goes along.

    Its number is 0 or below, and no other spare has had it: the end of one may be reported late.
    """

    number: int


# Stands for the messages to a worker and from it. To be raised with each change of these.
_MESSAGES: Final = 2


def _form() -> bytes:
    """Return a hash of all that supervisor and workers must understand alike."""
    known = f"{_MESSAGES} {[*_fields(Settings)]} {[*_fields(SpawnOrder)]}"
    return sha256(known.encode()).digest()


def _fields(kind: type) -> Iterator[tuple[str, str]]:
    for field in attrs.fields(kind):
        yield kind.__name__, field.name
        if isinstance(field.type, type) and attrs.has(field.type):
            yield from _fields(field.type)
