"""Options: what an operator may set, described once, at the fields of the settings.

The command line and the tables of docs/configuration.md are made from these fields. A limit has one
name: the field ``max_body`` is the option ``--max-body``, and its default is limits.MAX_BODY, where
its reason stands. Pure.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs

_OPTION: Final = "option"
_GROUP: Final = "group"


@attrs.frozen
class Option:
    """The description of an option.

    ``unit`` is what its value is, such as ``bytes`` or ``endpoint``; a flag has none. ``read``
    makes the value from a text, and raises ValueError with what to give instead. An option that may
    be given several times has ``collect``, which makes the value from what ``read`` returned.
    ``shown`` is the default as it would be given, with commas between several. ``former`` is a name
    that still works, with a warning.
    """

    unit: str
    help: str
    name: str = ""
    read: Callable[[str], Any] = str
    collect: Callable[[list[Any]], Any] | None = None
    range: tuple[int, int] | None = None
    shown: str = ""
    short: str = ""
    former: str = ""


def option(unit: str, help: str, **more: Any) -> dict[str, Option]:
    """Return the metadata of a field that is an option; ``more`` is as Option has it."""
    return {_OPTION: Option(unit, help, **more)}


def number(unit: str, minimum: int, maximum: int, help: str, former: str = "") -> dict[str, Option]:
    """Return the metadata of a field that is a whole number from ``minimum`` to ``maximum``."""

    def read(text: str) -> int:
        value = int(text) if re.fullmatch("[0-9]{1,10}", text) else -1
        if not minimum <= value <= maximum:
            raise ValueError(f"give a number of {unit} from {minimum} to {maximum}")
        return value

    return option(unit, help, read=read, range=(minimum, maximum), former=former)


def group(title: str) -> dict[str, str]:
    """Return the metadata of a field whose settings are options under a title of their own."""
    return {_GROUP: title}


def options(settings: type) -> "Iterator[tuple[attrs.Attribute[Any], Option]]":
    """Yield the fields of a class of settings that are options, but not those of its groups."""
    for field in attrs.fields(settings):
        if found := field.metadata.get(_OPTION):
            name = found.name or field.name.replace("_", "-")
            shown = found.shown or _default(field)
            yield field, attrs.evolve(found, name=name, shown=shown)


def groups(settings: type) -> "Mapping[str, attrs.Attribute[Any]]":
    """Return the fields that are groups, by title."""
    fields = attrs.fields(settings)
    return {each.metadata[_GROUP]: each for each in fields if _GROUP in each.metadata}


def titled(settings: type, title: str) -> Iterator[tuple[str, list[Option]]]:
    """Yield all options, those of the class itself under ``title``, then those of its groups."""
    yield title, [found for _, found in options(settings)]
    for subtitle, field in groups(settings).items():
        assert field.type is not None
        yield from titled(field.type, subtitle)


def _default(field: "attrs.Attribute[Any]") -> str:
    value = field.default
    return "" if value is None or value is False or value == () else str(value)
