"""Finds and opens the files of a folder, by the segments of a path as a client names them.

What is found is a regular file below the folder, by names that do not begin with a dot, also where
links lead. Nothing else is even opened: a FIFO would wait for a writer, and a device may do
something.
"""

import errno
import os
import stat
from collections.abc import Sequence
from io import FileIO
from typing import Final

import attrs

# The files that a folder shows.
INDEXES: Final = (b"index.html", b"index.htm")

# The one name with a dot, at the top only, that is there for clients (RFC 8615).
WELL_KNOWN: Final = b".well-known"

# What is said of a path that cannot be one: it is too long, or its links go round.
_NO_PATH: Final = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)

_FOLDER: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC


class NotThere(Exception):
    """The file does not exist, or is not served."""


class MissingSlash(Exception):
    """It is a folder that has an index, and was asked for without a slash at its end."""


@attrs.frozen
class OpenFile:
    """A file as it was when it was opened. ``size`` is in bytes, ``changed`` in seconds."""

    name: bytes
    size: int
    changed: int
    _file: FileIO

    def read(self, begin: int, size: int) -> bytes:
        """Return bytes from there on; fewer where the file ends. Raises ValueError once closed."""
        return os.pread(self._file.fileno(), size, begin)

    def close(self) -> None:
        """Close the file. It may have been closed before."""
        self._file.close()


def find(top: bytes, segments: Sequence[bytes]) -> OpenFile:
    """Open a file below the folder ``top``, by the segments of its path, decoded.

    Raises NotThere, MissingSlash, and OSError where the file is there and cannot be opened.
    """
    if not all(_is_served(name, place) for place, name in enumerate(segments[:-1])):
        raise NotThere
    *above, last = segments
    if not last:
        return _index(top, above)
    if not _is_served(last, len(above)):
        raise NotThere
    try:
        return _open(top, segments)
    except IsADirectoryError:
        _index(top, segments).close()
        raise MissingSlash from None


def _is_served(name: bytes, place: int) -> bool:
    """Return whether a name may be asked for. An empty one would be another path."""
    if not name or b"/" in name or b"\0" in name:
        return False
    return not name.startswith(b".") or (place == 0 and name == WELL_KNOWN)


def _index(top: bytes, segments: Sequence[bytes]) -> OpenFile:
    for name in INDEXES:
        try:
            return _open(top, [*segments, name])
        except (NotThere, IsADirectoryError):
            continue
    raise NotThere


def _open(top: bytes, segments: Sequence[bytes]) -> OpenFile:
    """Open a file. Raises IsADirectoryError where it is a folder."""
    try:
        root = os.path.realpath(top, strict=True)
        path = os.path.realpath(b"/".join([root, *segments]), strict=True)
        if path == root:
            raise IsADirectoryError
        return _opened(segments[-1], _descriptor(root, _below(root, path)))
    except OSError as error:
        if error.errno in _NO_PATH:
            raise NotThere from error
        raise


def _below(root: bytes, path: bytes) -> list[bytes]:
    """Return the names from a folder to a file, as they are on the disk. Raises NotThere."""
    below = path.removeprefix(root.rstrip(b"/") + b"/")
    names = below.split(b"/")
    if below == path or any(_is_hidden(name, place) for place, name in enumerate(names)):
        raise NotThere
    return names


def _is_hidden(name: bytes, place: int) -> bool:
    """Return whether a name is hidden even where a link leads there.

    ``..data`` is not: in volumes of Kubernetes each file is a link to one below it.
    """
    return name.startswith(b".") and not name.startswith(b"..") and not _is_served(name, place)


def _descriptor(root: bytes, names: Sequence[bytes]) -> int:
    """Open a file by the path on which no link is any more, and follow none that is there now."""
    *folders, last = names
    folder = os.open(root, _FOLDER)
    try:
        for name in folders:
            above, folder = folder, os.open(name, _FOLDER, dir_fd=folder)
            os.close(above)
        _check(os.stat(last, dir_fd=folder, follow_symlinks=False).st_mode)
        return os.open(last, _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _opened(name: bytes, descriptor: int) -> OpenFile:
    file = FileIO(descriptor)
    status = os.fstat(descriptor)
    try:
        _check(status.st_mode)
    except BaseException:
        file.close()
        raise
    return OpenFile(name, status.st_size, int(status.st_mtime), file)


def _check(mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError
    if not stat.S_ISREG(mode):
        raise NotThere
