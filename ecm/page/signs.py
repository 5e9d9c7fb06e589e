"""Signs: a state has a mark and a word beside its colour, a moment how long ago it was."""

from datetime import UTC, datetime

from ecm.page.html import Markup, join, tag
from ecm.page.words import NONE, span

GOOD, WARN, BAD = "good", "warn-text", "bad-text"
_MARKS = {GOOD: "✓", WARN: "!", BAD: "✗"}


def sign(kind: str, text: str) -> Markup:
    """Return a state in its colour, behind its mark."""
    mark = tag("span", f"{_MARKS[kind]} ", aria_hidden="true")
    return tag("span", mark, text, class_=kind)


def ago(moment: float, now: float) -> Markup:
    """Return how long ago a moment was, in seconds since 1970; 0 is never."""
    if not moment:
        return join(NONE)
    return tag("time", span(now - moment), datetime=iso(moment), title=utc(moment))


def iso(moment: float) -> str:
    """Return a moment for programs."""
    return _at(moment).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc(moment: float) -> str:
    """Return a moment for people."""
    return _at(moment).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(moment: float) -> str:
    """Return the day of a moment."""
    return _at(moment).strftime("%Y-%m-%d")


def _at(moment: float) -> datetime:
    """Return a moment; the nearest one that has a name, if it is out of this world."""
    return datetime.fromtimestamp(min(max(moment, 0.0), 253_402_300_799.0), UTC)
