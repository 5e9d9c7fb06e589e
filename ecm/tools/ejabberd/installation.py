"""An installation of ejabberd and Erlang: that of Debian's packages, or one below another root."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from ecm.tools.errors import ToolError

_PROGRAMS = ("erl", "erlc", "setpriv")
_PACKAGES = "ejabberd erlang-base libjs-strophe"


@dataclass(frozen=True)
class Installation:
    """``libraries`` is the folder that holds ejabberd's, for ERL_LIBS."""

    libraries: Path


def find(root: Path = Path("/")) -> Installation:
    """Raises ToolError on the first thing that is missing."""
    for program in _PROGRAMS:
        if not shutil.which(program):
            raise missing(program)
    application = only("ejabberd", "usr/lib/*/ejabberd-*/ebin/ejabberd.app", root)
    return Installation(application.parents[2])


def only(what: str, pattern: str, root: Path = Path("/")) -> Path:
    """The first path that matches a glob pattern. Raises ToolError."""
    for path in root.glob(pattern):
        return path
    raise missing(what)


def missing(what: str) -> ToolError:
    return ToolError(
        f"{what} is missing; as root: apt-get install --no-install-recommends {_PACKAGES}"
    )
