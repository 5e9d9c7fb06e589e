"""Placeholders in a script, and the values that stand for them.

``{sid}`` is the speaker's session, ``{bob.jid}`` another one's name; to a number something may be
added: ``{rid+1}``. Patterns are written in braces, too, and stay: see pattern.py.
"""

import re
from collections.abc import Callable

from conformance.errors import Failed
from conformance.pattern import is_pattern

_INNERMOST = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDER = re.compile(r"([A-Za-z][\w:/.]*?)([+-][0-9]+)?")


def expand(text: str, value: Callable[[str], str | None]) -> str:
    """Put in the values. Raises Failed where there is none."""
    while (put_in := _INNERMOST.sub(lambda braces: _one(braces, value), text)) != text:
        text = put_in
    return text


def _one(braces: re.Match[str], value: Callable[[str], str | None]) -> str:
    if is_pattern(braces[1]):
        return braces[0]
    placeholder = _PLACEHOLDER.fullmatch(braces[1])
    found = value(placeholder[1]) if placeholder else None
    if placeholder is None or found is None:
        raise Failed(f"nothing is known as {braces[0]}")
    if not placeholder[2]:
        return found
    if not re.fullmatch("[0-9]+", found):
        raise Failed(f"{placeholder[1]} is no number: '{found}'")
    return str(int(found) + int(placeholder[2]))
