"""Sources of options: the command line, the environment, a file, and the defaults. Pure.

Of each option the first of these counts that has it, alone: values of several do not add up.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from ecm.option import Option

FLAG: Final = "flag"
DEFAULT: Final = "default"

_NAME: Final = re.compile(r"--([a-z][a-z-]*[a-z])")


@attrs.frozen
class Source:
    """The texts that were given for an option, and where: FLAG, ``ECM_X``, or ``FILE:LINE``."""

    texts: tuple[str, ...]
    where: str


def merged(sources: Iterable[Mapping[str, Source]]) -> dict[str, Source]:
    """Return what counts, by the name of the option; ``sources`` go from the first to the last."""
    found: dict[str, Source] = {}
    for source in sources:
        found = {**source, **found}
    return found


def defaults(options: Iterable[Option]) -> dict[str, Source]:
    """Return the defaults of all options, as texts; none where the default is nothing."""
    return {
        each.name: Source(tuple(filter(None, each.shown.split(", "))), DEFAULT) for each in options
    }


def placed(message: str, given: Mapping[str, Source]) -> str:
    """Return a message about options with the place of the first that was not a flag before it."""
    for name in _NAME.findall(message):
        source = given.get(name)
        if source is not None and source.where not in (FLAG, DEFAULT):
            return f"{source.where}: {message}"
    return message
