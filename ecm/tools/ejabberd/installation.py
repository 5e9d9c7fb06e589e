"""An installation of ejabberd and Erlang: that of the system, or one in a folder of its own.

``python -m ecm.tools.ejabberd.installation`` prints the commands that let a shell find the one that
is chosen.
"""

import os
import re
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from ecm.tools.errors import ToolError

# The folder with the installation that is chosen; that of the system where it is not set.
FOLDER = "ECM_EJABBERD"

_PACKAGES = "ejabberd erlang-base libjs-strophe"
_APPLICATION = "ejabberd-*/ebin/ejabberd.app"


@dataclass(frozen=True)
class Installation:
    """``libraries`` is the folder that holds ejabberd's, for ERL_LIBS. ``version`` is that of
    ejabberd, without the part that a distribution adds."""

    erl: str
    erlc: str
    libraries: Path
    version: str

    def modules(self) -> set[str]:
        """The names of ejabberd's modules (``modules`` in ejabberd.yml)."""
        return {module.stem for module in self.libraries.glob("ejabberd-*/ebin/mod_*.beam")}

    def environment(self) -> dict[str, str]:
        """The variables of this process, with which its Erlang finds its ejabberd."""
        return os.environ | {"ERL_LIBS": str(self.libraries)}


def find(folder: Path | None = None) -> Installation:
    """Find the installation in a folder, otherwise the one that the environment chooses, otherwise
    that of the system. Raises ToolError on the first thing that is missing.
    """
    chosen = folder or os.environ.get(FOLDER)
    found = _in_folder(Path(chosen).absolute()) if chosen else of_the_system()
    _program("setpriv")  # of the system, whichever Erlang is used
    return found


def of_the_system() -> Installation:
    """Find that of the system, whatever is chosen. Raises ToolError on the first thing missing."""
    erl, erlc = [_program(name) for name in ("erl", "erlc")]
    application = only("ejabberd", f"usr/lib/*/{_APPLICATION}")
    return Installation(erl, erlc, application.parents[2], _version(application))


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise missing(name)


def _in_folder(folder: Path) -> Installation:
    """As tools/debian-ejabberd makes them."""
    erl, erlc, libraries = f"{folder}/bin/erl", f"{folder}/bin/erlc", folder / "lib"
    application = next(libraries.glob(_APPLICATION), None)
    if application is None or not (os.access(erl, os.X_OK) and os.access(erlc, os.X_OK)):
        raise ToolError(f"there is no ejabberd in {folder}: make it with tools/debian-ejabberd")
    return Installation(erl, erlc, libraries, _version(application))


def _version(application: Path) -> str:
    found = re.search(r'\{vsn, *"([0-9.]+)', application.read_text())
    if found is None:
        raise ToolError(f"{application} does not say which ejabberd it is")
    return found[1]


def only(what: str, pattern: str, root: Path = Path("/")) -> Path:
    """The first path that matches a glob pattern. Raises ToolError."""
    for path in root.glob(pattern):
        return path
    raise missing(what)


def missing(what: str) -> ToolError:
    return ToolError(
        f"{what} is missing; as root: apt-get install --no-install-recommends {_PACKAGES}"
    )


def commands(found: Installation) -> str:
    """Commands of the shell after which ``erl`` and its like are those of an installation."""
    programs = shlex.quote(os.path.dirname(found.erl))
    return f"export PATH={programs}:$PATH ERL_LIBS={shlex.quote(str(found.libraries))}"


if __name__ == "__main__":
    try:
        print(commands(find()))
    except ToolError as error:
        sys.exit(str(error))
