"""What the demo uses of Debian's packages, and where they put it."""

import shutil
from pathlib import Path

import attrs

from ecm.tools.errors import ToolError

_PROGRAMS = ("erl", "erlc", "setpriv")
_PACKAGES = "ejabberd erlang-base libjs-strophe"


@attrs.frozen
class Debian:
    """What was found."""

    erlang_libraries: Path  # holds the folder of ejabberd; for ERL_LIBS
    strophe: Path  # the client library of the page, minified


def find() -> Debian:
    """Find everything. Raises ToolError on the first thing that is missing."""
    for program in _PROGRAMS:
        if not shutil.which(program):
            raise _missing(program)
    return Debian(
        erlang_libraries=_only("ejabberd", "usr/lib/*/ejabberd-*/ebin/ejabberd.app").parents[2],
        strophe=_only("Strophe.js", "usr/share/javascript/strophe/strophe.min.js"),
    )


def _only(what: str, pattern: str) -> Path:
    for path in Path("/").glob(pattern):
        return path
    raise _missing(what)


def _missing(what: str) -> ToolError:
    return ToolError(
        f"{what} is missing; as root: apt-get install --no-install-recommends {_PACKAGES}"
    )
