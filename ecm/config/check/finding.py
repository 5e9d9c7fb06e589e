"""Findings of a check, a line each. Pure."""

from collections.abc import Iterable
from enum import Enum

import attrs


class Level(Enum):
    """The weight of a finding, from the least; only errors make the check fail."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@attrs.frozen
class Finding:
    """A finding, and its line of text."""

    level: Level
    text: str

    def __str__(self) -> str:
        return f"{self.level.value}: {' '.join(self.text.split())}"


def ok(text: str) -> Finding:
    return Finding(Level.OK, text)


def warning(text: str) -> Finding:
    return Finding(Level.WARNING, text)


def error(text: str) -> Finding:
    return Finding(Level.ERROR, text)


def fails(findings: Iterable[Finding]) -> bool:
    """Return whether there is an error among findings."""
    return any(each.level is Level.ERROR for each in findings)
