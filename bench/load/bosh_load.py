"""Load of active BOSH users: empty polls, or messages from one to another.

All of them begin at once and go on, each as soon as it has its answer, until they are told to stop.
``done`` is called when the last one has stopped.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from bench.load import xmpp
from bench.load.bosh_user import BoshUser
from bench.load.fail import fail

TEXT = b"m" * 100


class Load(ABC):
    """``count`` is how many polls or messages there have been, ``unfinished`` how many are under
    way."""

    def __init__(self, done: Callable[[int], None]) -> None:
        self.count = 0
        self.unfinished = 0
        self._goes_on = False
        self._done = done

    @abstractmethod
    def start(self) -> None: ...

    def stop(self) -> None:
        self._goes_on = False

    def begin(self, pending: int) -> None:
        self._goes_on = True
        self.unfinished = pending

    def finish(self) -> bool:
        """One poll or message has been answered; return whether to send the next."""
        self.count += 1
        if not self._goes_on:
            self.unfinished -= 1
            if not self.unfinished:
                self._done(self.count)
        return self._goes_on


class Polls(Load):
    """Each user sends a request with nothing in it. That answers the one that is held, with nothing
    either, and is held itself: one request and one answer."""

    def __init__(self, users: Sequence[BoshUser], done: Callable[[int], None]) -> None:
        super().__init__(done)
        self._users = users

    def start(self) -> None:
        self.begin(len(self._users))
        for user in self._users:
            user.heard = self._heard
            user.say()

    def _heard(self, user: BoshUser, body: bytes) -> None:
        if self.finish():
            user.say()


class Messages(Load):
    """Every other user sends to the one behind: two requests and two answers for a message. The
    next one goes when both have their answers, and hold a request again."""

    def __init__(self, users: Sequence[BoshUser], done: Callable[[int], None]) -> None:
        super().__init__(done)
        self._pairs = [Pair(*pair, self) for pair in zip(users[::2], users[1::2], strict=True)]

    def start(self) -> None:
        self.begin(len(self._pairs))
        for pair in self._pairs:
            pair.send()


class Pair:
    """A sender, and who it sends to."""

    def __init__(self, sender: BoshUser, receiver: BoshUser, load: Load) -> None:
        self._sender = sender
        self._receiver = receiver
        self._load = load
        self._message = xmpp.message(receiver.number, TEXT)
        self._awaited = 0

    def send(self) -> None:
        self._sender.heard = self._answered
        self._receiver.heard = self._arrived
        self._awaited = 2
        self._sender.say(self._message)

    def _answered(self, user: BoshUser, body: bytes) -> None:
        """The request that the sender had held before is free."""
        self._count_down()

    def _arrived(self, user: BoshUser, body: bytes) -> None:
        if body.count(TEXT) != 1:
            fail(f"this is not a message: {body!r}")
        user.say()
        self._count_down()

    def _count_down(self) -> None:
        self._awaited -= 1
        if not self._awaited and self._load.finish():
            self.send()
