"""Options in the environment: ``ECM_MAX_BODY`` is ``--max-body``. Pure."""

from collections.abc import Mapping
from typing import Final

from ecm.config.nearest import nearest
from ecm.config.sources import Source
from ecm.option import Option

_PREFIX: Final = "ECM_"
_FLAGS: Final = ("true", "false")

# How near to an option a name must be to be a mistake. Kubernetes sets names like ECM_PORT for a
# service that is called ecm.
_NEAR: Final = 0.85


def variable(name: str) -> str:
    """Return the name of the variable for an option."""
    return _PREFIX + name.upper().replace("-", "_")


def read(environment: Mapping[str, str], options: Mapping[str, Option]) -> dict[str, Source]:
    """Return what the environment gives, by the name of the option; ``options`` are all, by name.

    White space separates the values of an option that may be given several times. A variable that
    is empty gives nothing. Raises ValueError, which names the variable.
    """
    found = {}
    for name, option in options.items():
        text = environment.get(variable(name), "").strip()
        if text and not option.unit and text not in _FLAGS:
            raise ValueError(f"{variable(name)}: give true or false")
        texts = text.split() if option.collect else [text] * bool(text)
        if texts:
            found[name] = Source(tuple(texts), variable(name))
    return found


def warnings(environment: Mapping[str, str], options: Mapping[str, Option]) -> list[str]:
    """Return a warning for each variable that looks like an option, and is none."""
    known = {variable(name) for name in options}
    said = []
    for name in sorted({each for each in environment if each.startswith(_PREFIX)} - known):
        meant = nearest(name.removeprefix(_PREFIX), options, _NEAR)
        if meant is not None:
            said.append(f"{name} is no option; perhaps {variable(meant)}")
    return said
