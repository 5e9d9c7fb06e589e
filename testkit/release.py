"""Release 1 of mod_ecm, commit c84c691, whose sources are kept as they were.

They were written by ``git archive --format=tar c84c691:erlang_stub/mod_ecm src COPYING`` and xz.
"""

import tarfile
from pathlib import Path

from testkit.paths import VECTORS

_RELEASE_1 = VECTORS / "mod_ecm-release-1.tar.xz"


def release_1(folder: Path) -> list[Path]:
    """Unpack the modules of release 1 into a folder, and return them."""
    modules = []
    with tarfile.open(_RELEASE_1) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".erl"):
                source = archive.extractfile(member)
                assert source is not None
                modules.append(folder / Path(member.name).name)
                modules[-1].write_bytes(source.read())
    return sorted(modules)
