"""Descriptions of endpoints, as Twisted has them: ``tcp:7080:interface=127.0.0.1``. Pure.

Parts stand between colons. A part with ``=`` is named. A backslash quotes the character behind it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import attrs

_PARTS: Final = re.compile(r"(?:\A|:)((?:\\.|[^:\\])*)", re.DOTALL)
_NAMED: Final = re.compile(r"((?:\\.|[^=\\])*)=(.*)", re.DOTALL)

_MAX_PORT: Final = 65_535


@attrs.frozen
class Description:
    """A description in its parts, without quotes: its kind, the words behind it, named parts."""

    kind: str
    words: tuple[str, ...]
    named: Mapping[str, str]

    def value(self, name: str, place: int) -> str:
        """Return a part that may be named, or stand at a place among the words; "" for none."""
        return self.named.get(name) or "".join(self.words[place : place + 1])


def described(text: str) -> Description:
    """Return a description in its parts."""
    kind, *parts = _PARTS.findall(text)
    pairs = [_NAMED.fullmatch(part) for part in parts]
    words = tuple(unquoted(part) for part, pair in zip(parts, pairs, strict=True) if pair is None)
    named = {unquoted(pair[1]): unquoted(pair[2]) for pair in pairs if pair is not None}
    return Description(unquoted(kind), words, named)


def unquoted(text: str) -> str:
    """Return a part without its backslashes."""
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def with_names(text: str, names: Sequence[str]) -> str:
    """Return a description whose words have the names of their places: "" leaves one as it is."""
    kind, *parts = _PARTS.findall(text)
    words = [each for each, part in enumerate(parts) if _NAMED.fullmatch(part) is None]
    for word, name in zip(words, names, strict=False):
        if name:
            parts[word] = f"{name}={parts[word]}"
    return ":".join([kind, *parts])


def is_port(text: str) -> bool:
    """Return whether a text is the number of a port, or 0 for any that is free."""
    return re.fullmatch("[0-9]{1,5}", text) is not None and int(text) <= _MAX_PORT
