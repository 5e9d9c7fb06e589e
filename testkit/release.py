"""Release 1 of mod_ecm, commit c84c691, whose sources are kept as they were.

They were written by ``git archive --format=tar c84c691:erlang_stub/mod_ecm src COPYING`` and xz.
"""

import tarfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from testkit.lasting import LASTING
from testkit.paths import VECTORS

_RELEASE_1 = VECTORS / "mod_ecm-release-1.tar.xz"


@cache
def release_1() -> tuple[Path, ...]:
    """Unpack the modules of release 1, once, and return them."""
    folder = Path(LASTING.enter_context(TemporaryDirectory(prefix="mod_ecm-1-")))
    modules = []
    with tarfile.open(_RELEASE_1) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".erl"):
                source = archive.extractfile(member)
                assert source is not None
                modules.append(folder / Path(member.name).name)
                modules[-1].write_bytes(source.read())
    return tuple(sorted(modules))
