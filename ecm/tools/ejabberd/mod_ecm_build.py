"""Finds and compiles the sources of mod_ecm.

``python -m ecm.tools.ejabberd.mod_ecm_build FOLDER`` compiles them into a folder.
"""

import importlib.metadata
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import ecm
from ecm.tools.ejabberd import installation
from ecm.tools.ejabberd.installation import Installation
from ecm.tools.errors import ToolError

_DISTRIBUTION = "megaphone-ecm"
_SPEC = "mod_ecm.spec"  # next to src/


def sources() -> list[Path]:
    """Return the Erlang modules of this checkout, otherwise those installed with this package.

    Raises ToolError if there are neither.
    """
    for folder in (_in_checkout(), _installed()):
        if folder is not None and (folder / _SPEC).exists():
            return sorted((folder / "src").glob("*.erl"))
    raise ToolError(f"the sources of mod_ecm are missing: install {_DISTRIBUTION} again")


def _in_checkout() -> Path:
    return Path(ecm.__file__).parent.parent / "erlang_stub" / "mod_ecm"


def _installed() -> Path | None:
    """Return where the installer put them: below the prefix, the user's folder, or elsewhere."""
    try:
        files = importlib.metadata.files(_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    return next((Path(f.locate()).resolve().parent for f in files if f.name == _SPEC), None)


def compile_into(
    folder: Path, installed: Installation, modules: Sequence[Path] | None = None
) -> None:
    """Compile mod_ecm, from these modules if it is not today's. Raises ToolError with the output of
    the compiler."""
    erlc = subprocess.run(
        [installed.erlc, "+debug_info", "-o", str(folder), *map(str, modules or sources())],
        env=installed.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if erlc.returncode != 0:
        raise ToolError(f"mod_ecm does not compile:\n{erlc.stdout.rstrip()}")


if __name__ == "__main__":
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    try:
        compile_into(out, installation.find())
    except ToolError as error:
        sys.exit(str(error))
