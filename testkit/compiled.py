"""mod_ecm, compiled once for all tests of a process."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ecm.tools.ejabberd import mod_ecm_build
from ecm.tools.ejabberd.installation import Installation
from testkit.lasting import LASTING


@cache
def compiled(installation: Installation, modules: tuple[Path, ...] | None = None) -> Path:
    """Return the folder with today's mod_ecm, or with these modules of another one.

    Nobody may change what is in the folder: many nodes run it. It is removed with the tests.
    """
    folder = Path(LASTING.enter_context(TemporaryDirectory(prefix="mod_ecm-")))
    mod_ecm_build.compile_into(folder, installation, modules)
    return folder
