"""Snapshots as JSON, within a size, and back. Pure.

What has its default is left out. What is not known is ignored: the other process may be of another
version.
"""

import json
from functools import cache
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

import attrs

from ecm.limits import MAX_SNAPSHOT
from ecm.status.snapshot import Snapshot

# Entries of a list, the times as many numbers in a dict, and characters of a text.
_MOST: Final = 32
_NUMBERS: Final = 8
_TEXT: Final = 300

# What has no parts.
_LEAVES: Final = (int, float, bool, str)

# What is not cut.
_KEPT: Final = ("omitted", "metrics")

_Class = TypeVar("_Class")


def encode(snapshot: Snapshot) -> bytes:
    """Return a snapshot as JSON, of MAX_SNAPSHOT bytes at most; if need be, with less in it.

    Counters are always in it: a sum of them must not become less.
    """
    most = 2 * _MOST
    while True:
        most //= 2
        data = json.dumps(plain(bounded(snapshot, most)), separators=(",", ":")).encode()
        if len(data) <= MAX_SNAPSHOT or not most:
            return data


def decode(data: bytes) -> Snapshot:
    """Return the snapshot that was encoded. Raises ValueError."""
    return made(Snapshot, json.loads(data))


def bounded(snapshot: Snapshot, most: int = _MOST) -> Snapshot:
    """Return it with ``most`` entries in each list, and what is left out in ``omitted``."""
    omitted: dict[str, int] = {}
    cut: Snapshot = _cut(snapshot, most, "", omitted)
    return attrs.evolve(cut, omitted=omitted) if omitted else cut


def plain(value: Any) -> Any:
    """Return what json takes, for an object of the classes here, or a part of one."""
    if type(value) in _LEAVES:
        return value
    if attrs.has(type(value)):
        kind: Any = type(value)
        fields = [(name, getattr(value, name), of) for name, of in _defaults(kind).items()]
        return {name: plain(of) for name, of, default in fields if of != default}
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: each if type(each) is int else plain(each) for key, each in value.items()}
    return value


def made(kind: type[_Class], value: Any) -> _Class:
    """Return the object of a class that json has read. Raises ValueError."""
    built: _Class = _made(kind, value)
    return built


def _cut(value: Any, most: int, path: str, omitted: dict[str, int]) -> Any:
    """Return a value with less in it; the same object where nothing is left out."""
    if isinstance(value, str):
        return value if len(value) <= _TEXT else value[: _TEXT - 1] + "…"
    if type(value) in _LEAVES:
        return value
    kind: Any = type(value)
    if attrs.has(kind):
        fields = {name: getattr(value, name) for name in _defaults(kind)}
        cut = {
            name: less
            for name, field in fields.items()
            if name not in _KEPT
            and (less := _cut(field, most, _path(path, name), omitted)) is not field
        }
        return attrs.evolve(value, **cut) if cut else value
    return _cut_all(value, most, path, omitted)


def _cut_all(value: Any, most: int, path: str, omitted: dict[str, int]) -> Any:
    """Return a tuple or a dict with fewer entries, and less in these."""
    most_of_it = _NUMBERS * most if isinstance(value, dict) else most
    if len(value) > most_of_it:
        omitted[path] = omitted.get(path, 0) + len(value) - most_of_it
        value = dict([*value.items()][:most_of_it]) if isinstance(value, dict) else value[:most]
    if isinstance(value, dict):
        return {
            key[:_TEXT]: each if type(each) is int else _cut(each, most, path, omitted)
            for key, each in value.items()
        }
    return tuple(_cut(each, most, path, omitted) for each in value) if value else value


def _path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


@cache
def _defaults(kind: type[Any]) -> dict[str, Any]:
    """Return the default of each field; NOTHING, which nothing equals, for one without."""
    defaults = {each.name: each.default for each in attrs.fields(kind)}
    return {
        name: default.factory() if hasattr(default, "factory") else default
        for name, default in defaults.items()
    }


@cache
def _types(kind: type[Any]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {each.name: hints[each.name] for each in attrs.fields(kind)}


def _made(kind: Any, value: Any) -> Any:
    if attrs.has(kind):
        return _object(kind, value if isinstance(value, dict) else _refuse(kind, value))
    origin = get_origin(kind)
    if origin in (tuple, list):
        items = value if isinstance(value, list) else _refuse(kind, value)
        return origin(_made(get_args(kind)[0], each) for each in items)
    if origin is dict:
        entries = value.items() if isinstance(value, dict) else _refuse(kind, value)
        return {key: _made(get_args(kind)[1], each) for key, each in entries}
    accepted = (int, float) if kind is float else (kind,)
    return value if type(value) in accepted else _refuse(kind, value)


def _object(kind: Any, values: dict[str, Any]) -> Any:
    fields = {name: _made(of, values[name]) for name, of in _types(kind).items() if name in values}
    try:
        return kind(**fields)
    except TypeError:
        return _refuse(kind, values)


def _refuse(kind: Any, value: Any) -> Any:
    raise ValueError(f"{value!r:.40} is no {kind}")
