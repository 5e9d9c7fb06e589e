"""The last warnings of the log, for those who look at a status, and not at the log. Pure."""

import re
from typing import Final

import attrs

from ecm.limits import MAX_WARNING, MAX_WARNINGS

_NUMBER: Final = re.compile(r"\d+")


@attrs.frozen
class Warned:
    """A warning, with its level and how often it came. ``last`` is in seconds since 1970."""

    text: str
    level: str
    count: int
    last: float


class Warnings:
    """The last MAX_WARNINGS warnings. Texts that differ in their numbers alone are one."""

    def __init__(self) -> None:
        # By the text without its numbers; the one that came last is the last.
        self._warned: dict[str, Warned] = {}

    def add(self, level: str, text: str, now: float) -> None:
        """Note a warning of the log, or an error."""
        text = text.encode(errors="replace")[:MAX_WARNING].decode(errors="ignore")
        key = _NUMBER.sub("0", text)
        before = self._warned.pop(key, None)
        self._warned[key] = Warned(text, level, before.count + 1 if before else 1, now)
        if len(self._warned) > MAX_WARNINGS:
            del self._warned[next(iter(self._warned))]

    def recent(self) -> list[Warned]:
        """Return them, that which came last first."""
        return [*reversed(self._warned.values())]


# Those of this process; with workers, in the supervisor, also those of all workers.
WARNINGS: Final = Warnings()
