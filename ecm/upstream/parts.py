"""Answers that come in parts, of which the last is an ordinary answer. Pure."""

from typing import Final

from ecm.limits import MAX_CONTENT, MAX_GATHERED
from ecm.metrics import Counters
from ecm.upstream.pending import NOT_UNDERSTOOD, Waiting

TOO_MANY: Final = f"more than {MAX_GATHERED} answers in parts at a time"


class Gathering:
    """Stands in for one who waits for an answer, from its first part until the last has come."""

    __slots__ = ("_gathered", "_parts", "_waiting", "id")

    def __init__(self, waiting: Waiting, gathered: "Gathered") -> None:
        self.id = waiting.id
        self._waiting = waiting
        self._gathered = gathered
        self._parts = bytearray()

    def add(self, part: bytes) -> bool:
        """Keep a part. Returns whether it has room."""
        self._parts += part
        return len(self._parts) <= self._gathered.max_content

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        """Pass on all parts. Together they may be longer than each of them."""
        self._gathered.forget(self.id)
        if self.add(body):
            self._waiting.answered(status, bytes(self._parts), content_type)
        else:
            self._gathered.counters.failed += 1
            self._waiting.refused(NOT_UNDERSTOOD)

    def refused(self, why: str) -> None:
        self._gathered.forget(self.id)
        self._waiting.refused(why)

    def dropped(self) -> None:
        self._gathered.forget(self.id)
        self._waiting.dropped()


class Gathered:
    """The answers of which parts have come: few, and each of at most ``max_content`` bytes."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.max_content = MAX_CONTENT
        self._gathering: dict[int, Gathering] = {}

    def __len__(self) -> int:
        return len(self._gathering)

    def add(self, waiting: Waiting, part: bytes) -> tuple[Waiting, str]:
        """Keep a part of an answer.

        Returns who waits in the place of ``waiting`` from now on, and what is wrong with the part,
        if something is.
        """
        gathering = self._gathering.get(waiting.id)
        if gathering is None:
            if len(self._gathering) >= MAX_GATHERED:
                return waiting, TOO_MANY
            gathering = self._gathering[waiting.id] = Gathering(waiting, self)
        fits = gathering.add(part)
        return gathering, "" if fits else f"an answer of more than {self.max_content} bytes"

    def forget(self, connection_id: int) -> None:
        """Keep no parts of this answer, if there are any."""
        self._gathering.pop(connection_id, None)
