"""Numbers, sizes and times as people read them. Pure."""

from collections.abc import Sequence
from typing import Final

_SIZES: Final = ("B", "kB", "MB", "GB", "TB")

# Units of a span of time, from the longest to the shortest, in seconds.
_SPANS: Final = (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1))

# Between a number and its unit.
_NO_BREAK: Final = "\u00a0"

NONE: Final = "–"


def count(value: float) -> str:
    """Return a whole number, with its thousands apart."""
    return f"{round(value):,}"


def rate(value: float | None) -> str:
    """Return a number per second: two digits that count, or all of a whole one."""
    if value is None:
        return NONE
    return f"{value:.1f}" if 0 < abs(value) < 10 else count(value)


def size(value: float) -> str:
    """Return a number of bytes with its unit."""
    for unit in _SIZES:
        if value < 1000 or unit == _SIZES[-1]:
            break
        value /= 1000
    digits = 1 if value < 10 and unit != "B" else 0
    return f"{value:.{digits}f}{_NO_BREAK}{unit}"


def seconds(value: float | None) -> str:
    """Return a short time: milliseconds below a second."""
    if value is None:
        return NONE
    if value >= 1:
        return f"{value:.1f}{_NO_BREAK}s"
    return f"{value * 1000:.{1 if value < 0.1 else 0}f}{_NO_BREAK}ms"


def span(value: float) -> str:
    """Return a span of time, in its two longest units."""
    left = max(0, int(value))
    numbers: list[tuple[int, str]] = []
    for unit, length in _SPANS:
        number, left = divmod(left, length)
        if number or numbers or unit == "s":
            numbers.append((number, unit))
    first, *rest = [f"{number}{_NO_BREAK}{unit}" if number else "" for number, unit in numbers[:2]]
    return " ".join(filter(None, (first or f"0{_NO_BREAK}s", *rest)))


def plural(number: float, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def listed(texts: Sequence[str]) -> str:
    """Return texts as a list within a sentence."""
    return ", ".join(texts) or NONE
