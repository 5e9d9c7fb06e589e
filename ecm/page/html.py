"""HTML from parts. A text is escaped wherever it stands, unless it was made here. Pure."""

from html import escape
from typing import Final

# Elements that have no content, and no end tag (HTML, section 13.1.2).
_VOID: Final = ("input", "link", "meta", "line")


class Markup(str):
    """A text that is HTML already: it was made by ``tag`` or ``join``, or is a constant."""

    __slots__ = ()


def tag(name: str, /, *content: str, **attributes: str | bool) -> Markup:
    """Return an element.

    An attribute is named as in HTML, with ``_`` for ``-``, and one more behind a word that Python
    has for itself: ``class_``. One that is True has no value; one that is False is left out.
    """
    given = "".join(_attribute(each, value) for each, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{given}>")
    return Markup(f"<{name}{given}>{join(*content)}</{name}>")


def join(*content: str) -> Markup:
    """Return the parts behind each other."""
    return Markup("".join(each if isinstance(each, Markup) else escape(each) for each in content))


def _attribute(name: str, value: str | bool) -> str:
    name = name.rstrip("_").replace("_", "-")
    if isinstance(value, bool):
        return f" {name}" if value else ""
    return f' {name}="{escape(value)}"'
