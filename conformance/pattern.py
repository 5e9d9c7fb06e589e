"""Patterns for the value of an attribute or header, or for a text.

    {any}         is there, whatever it is
    {none}        is not there
    {number}      is a number
    {1..60}       is a number from 1 to 60
    {not abc}     is there, and is not abc
    {none|a|b}    is one of these

Anything else is the value itself.
"""

import re

_RANGE = re.compile(r"([0-9]{1,16})\.\.([0-9]{1,16})")
_WORDS = ("any", "none", "number")


def is_pattern(inside: str) -> bool:
    """Return whether this, in braces, is a pattern; otherwise it is a placeholder."""
    return (
        inside in _WORDS
        or "|" in inside
        or inside.startswith("not ")
        or _RANGE.fullmatch(inside) is not None
    )


def matches(pattern: str, value: str | None) -> bool:
    """Return whether the value, None where there is none, matches the pattern."""
    if not (pattern.startswith("{") and pattern.endswith("}")):
        return value == pattern
    return any(_matches(choice, value) for choice in pattern[1:-1].split("|"))


def _matches(choice: str, value: str | None) -> bool:
    if choice == "none" or value is None:
        return choice == "none" and value is None
    if choice == "any":
        return True
    if choice.startswith("not "):
        return value != choice.removeprefix("not ")
    if choice != "number" and not _RANGE.fullmatch(choice):
        return value == choice
    return _is_number(value) and _is_in_range(choice, int(value))


def _is_number(value: str) -> bool:
    return re.fullmatch("[0-9]{1,16}", value) is not None


def _is_in_range(choice: str, number: int) -> bool:
    limits = _RANGE.fullmatch(choice)
    return limits is None or int(limits[1]) <= number <= int(limits[2])
