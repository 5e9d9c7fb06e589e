"""Placeholders in a script, and the values that stand for them.

``{sid}`` is the speaker's session, ``{bob.jid}`` another one's name; to a number something may be
added: ``{rid+1}``. Patterns are written in braces, too, and stay: see pattern.py.
"""

import re
from collections.abc import Callable

from conformance.errors import Failed
from conformance.pattern import is_pattern

_BRACE = re.compile(r"([{}])")
_PLACEHOLDER = re.compile(r"([A-Za-z][\w:/.]*?)([+-][0-9]+)?")


def expand(text: str, value: Callable[[str], str | None]) -> str:
    """Put in the values, from within. Raises Failed where there is none.

    Each is put in once: what a server says is not looked at for placeholders again.
    """
    open_braces = [""]
    for part in _BRACE.split(text):
        if part == "{":
            open_braces.append("")
        elif part == "}" and len(open_braces) > 1:
            inside = open_braces.pop()
            open_braces[-1] += _one(inside, value)
        else:
            open_braces[-1] += part
    return "{".join(open_braces)


def _one(inside: str, value: Callable[[str], str | None]) -> str:
    if is_pattern(inside):
        return f"{{{inside}}}"
    placeholder = _PLACEHOLDER.fullmatch(inside)
    found = value(placeholder[1]) if placeholder else None
    if placeholder is None or found is None:
        raise Failed(f"nothing is known as {{{inside}}}")
    if not placeholder[2]:
        return found
    if not re.fullmatch("[0-9]{1,16}", found):
        raise Failed(f"{placeholder[1]} is not a number: '{found}'")
    return str(int(found) + int(placeholder[2]))
