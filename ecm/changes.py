"""The changes from one set of settings to another, by the names of options. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import attrs

from ecm.option import groups, options
from ecm.settings import Settings

# These are read once, by what lives as long as the process that twistd has started.
_FIXED: Final = ("admin", "config", "log-format", "metrics-per-worker", "reuse-port", "user")


@attrs.frozen
class Changes:
    """The names of the options that differ between two settings.

    The ``fixed`` ones need a restart.
    """

    names: tuple[str, ...]
    fixed: tuple[str, ...]

    @classmethod
    def between(cls, before: Settings, after: Settings) -> "Changes":
        """Return the changes from one to another."""
        differ = tuple(_differ(before, after))
        fixed = tuple(name for name in differ if name in _FIXED)
        return cls(tuple(name for name in differ if name not in _FIXED), fixed)


def reloaded(before: Settings, after: Settings) -> Settings:
    """Return what a reload brings in force: ``after``, but for what needs a restart."""

    def joined(one: Mapping[str, Any], other: Mapping[str, Any]) -> Mapping[str, Any]:
        return {**other, **{name: each for name, each in one.items() if name in _FIXED}}

    kept: Settings = _kept(before, after)
    return attrs.evolve(
        kept,
        texts=joined(before.texts, after.texts),
        origins=joined(before.origins, after.origins),
    )


def _kept(before: Any, after: Any) -> Any:
    kind = type(before)
    kept = {
        field.name: getattr(before, field.name)
        for field, option in options(kind)
        if option.name in _FIXED
    }
    for field in groups(kind).values():
        kept[field.name] = _kept(getattr(before, field.name), getattr(after, field.name))
    return attrs.evolve(after, **kept)


def _differ(before: Any, after: Any) -> Iterator[str]:
    kind = type(before)
    for field, option in options(kind):
        if getattr(before, field.name) != getattr(after, field.name):
            yield option.name
    for field in groups(kind).values():
        yield from _differ(getattr(before, field.name), getattr(after, field.name))
