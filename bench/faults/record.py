"""The account of messages, by number: who has said what to whom, and what came of it. Pure."""

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator

import attrs

_TEXT = re.compile(
    rb"<message(?P<head>[^>]*)>(?:(?!</message>).)*?>lab:(?P<number>[0-9]{1,9}):", re.S
)
_ERROR = re.compile(rb"\stype\s*=\s*['\"]error['\"]")


def text(number: int, size: int = 0) -> bytes:
    """Return the text of a message; filled up to a size in bytes, if that is longer."""
    return (b"lab:%d:" % number).ljust(size, b".")


@attrs.define(eq=False, slots=True)
class Message:
    """``answered`` is whether its sender had the request with it answered 200. ``waited`` is the
    time in seconds until it came for the first time, ``times`` how often it came."""

    sender: int
    receiver: int
    said: float
    answered: bool = False
    waited: float | None = None
    times: int = 0
    late: bool = False  # it was still in offline storage when everybody logged in once more
    returned: bool = False  # to its sender, with an error
    disordered: bool = False  # it came behind one that was said later
    dropped: bool = False  # nobody waits for it

    @property
    def is_missing(self) -> bool:
        return not self.times and not self.returned

    @property
    def is_expected(self) -> bool:
        return self.is_missing and not self.dropped


@attrs.frozen
class Losses:
    """Messages by their fate: ``told`` were answered 200 and never came, ``untold`` were not
    answered and never came, ``stuck`` came with the next login only. ``returned`` came back to
    their senders as errors."""

    told: int
    untold: int
    stuck: int
    returned: int
    twice: int
    disordered: int


class Record:
    """The messages of one run, each by its number and its receiver: one to a room has many.

    ``expected`` of them have not come, and should.
    """

    def __init__(self) -> None:
        self.expected = 0
        self.astray = 0  # came to somebody else
        self._messages: list[dict[int, Message]] = []  # by number, and by receiver
        self._last: dict[tuple[int, int], int] = defaultdict(lambda: -1)
        self._collects = False

    def say(self, sender: int, receivers: Iterable[int], now: float) -> int:
        """Return the number of a new message."""
        made = {receiver: Message(sender, receiver, now) for receiver in receivers}
        self._messages.append(made)
        self.expected += len(made)
        return len(self._messages) - 1

    def answered(self, numbers: Iterable[int]) -> None:
        """The request with these was answered 200, in a session that goes on."""
        for message in self._all_of(numbers):
            message.answered = True

    def dropped(self, numbers: Iterable[int]) -> None:
        """The session of the sender has ended before these were answered. They may still come."""
        for message in self._all_of(numbers):
            self._drop(message)

    def gone(self, receiver: int) -> None:
        """This user will not get anything more."""
        for message in self.all():
            if message.receiver == receiver:
                self._drop(message)

    def _drop(self, message: Message) -> None:
        self.expected -= message.is_expected
        message.dropped = True

    def _all_of(self, numbers: Iterable[int]) -> Iterator[Message]:
        for number in numbers:
            yield from self._messages[number].values()

    def all(self) -> Iterator[Message]:
        """Give all messages."""
        yield from self._all_of(range(len(self._messages)))

    def collect(self) -> None:
        """From now on everybody logs in once more: what comes now was stuck in offline storage."""
        self._collects = True

    def arrived(self, user: int, body: bytes, now: float) -> None:
        """Take the messages of an answer to this user."""
        for found in _TEXT.finditer(body):
            number = int(found["number"])
            known = self._messages[number] if number < len(self._messages) else {}
            if _ERROR.search(found["head"]):
                self._returned(user, known)
            elif user in known:
                self._came(number, known[user], now)
            else:
                self.astray += 1

    def _came(self, number: int, message: Message, now: float) -> None:
        self.expected -= message.is_expected
        message.times += 1
        if message.times > 1:
            return
        message.waited = now - message.said
        message.late = self._collects
        pair = message.sender, message.receiver
        message.disordered = number < self._last[pair] and not message.late
        self._last[pair] = max(self._last[pair], number)

    def _returned(self, user: int, known: dict[int, Message]) -> None:
        for message in known.values():
            if message.sender == user:
                self.expected -= message.is_expected
                message.returned = True

    def losses(self, watched: Container[int]) -> Losses:
        """Return what has become of the messages between these users."""
        seen = [each for each in self.all() if each.sender in watched and each.receiver in watched]
        lost = [message for message in seen if message.is_missing]
        told = sum(message.answered for message in lost)
        return Losses(
            told=told,
            untold=len(lost) - told,
            stuck=sum(message.late for message in seen),
            returned=sum(message.returned for message in seen),
            twice=sum(message.times > 1 for message in seen),
            disordered=sum(message.disordered for message in seen),
        )

    def silences(self, users: Container[int]) -> list[float]:
        """Return the longest wait for a message of each of these users who have got one, in
        ascending order."""
        longest: dict[int, float] = {}
        for receiver, waited in self._waits():
            if receiver in users:
                longest[receiver] = max(waited, longest.get(receiver, 0.0))
        return sorted(longest.values())

    def _waits(self) -> Iterator[tuple[int, float]]:
        for message in self.all():
            if message.waited is not None and not message.late:
                yield message.receiver, message.waited


def quantile(ordered: list[float], share: float) -> float | None:
    """Return the smallest of these figures, which are in ascending order, that is not exceeded by
    so large a share of them; None where there is none."""
    if not ordered:
        return None
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
