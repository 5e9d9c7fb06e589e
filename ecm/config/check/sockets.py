"""UNIX sockets on which ECM listens: whether it may make them."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from ecm.config.check.finding import Finding, error
from ecm.description import described
from ecm.net.endpoints import PLAIN
from ecm.settings import Settings


def check(settings: Settings) -> Iterator[Finding]:
    """Yield an error for each socket in a folder in which whoever makes it may not write.

    That of operators is made once ECM has become another user, all others before.
    """
    for text in settings.ports:
        given = described(text.removeprefix(PLAIN))
        if given.kind == "unix":
            folder = Path(given.value("address", 0)).absolute().parent
            if not os.access(folder, os.W_OK | os.X_OK):
                yield error(f"{text}: this user may not make a socket in {folder}")
            elif text == settings.admin and not _may_write(settings.user, folder):
                yield error(f"{text}: the user {settings.user} may not make a socket in {folder}")


def _may_write(name: str | None, folder: Path) -> bool:
    if name is None or (user := pwd.getpwnam(name)).pw_uid == os.geteuid():
        return True
    found = folder.stat()
    if found.st_uid == user.pw_uid:
        mode = found.st_mode >> 6
    elif found.st_gid in os.getgrouplist(name, user.pw_gid):
        mode = found.st_mode >> 3
    else:
        mode = found.st_mode
    return mode & 0o3 == 0o3
