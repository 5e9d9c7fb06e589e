"""The files of certificates and keys of an endpoint, and the TLS that they make.

They are read in one process, and are good in others, whatever becomes of the files meanwhile.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ecm.description import unquoted
from ecm.net.endpoints import TlsEndpoint, folder_of, server_endpoint
from ecm.net.pem_file import read_file

if TYPE_CHECKING:
    from ecm.net.tls import Contexts

# The contents of files, by their paths.
Pems = Mapping[str, bytes]

# The files that an endpoint ssl: names. Paths may have colons that are quoted.
_FILES: Final = re.compile(
    r"(?<=:)(privateKey|certKey|extraCertChain|dhParameters)=((?:\\.|[^:\\])*)"
)


def read(description: str) -> Pems:
    """Return the files of an endpoint that has certificates. Raises OSError."""
    if not description.startswith("ssl:"):
        next(folder_of(description).iterdir(), None)  # rglob finds nothing where it may not look
    return {str(path): read_file(path) for path in _paths(description)}


def stamp(description: str) -> tuple[object, ...]:
    """Return what differs once one of the files does, without reading them.

    That is nothing where this process may not look for them, or cannot.
    """
    try:
        paths = [*_paths(description)]
    except OSError:
        return ()
    return tuple(each for path in paths for each in (str(path), *_state(path)))


def contexts(description: str, pems: Pems, lean: bool) -> "Contexts":
    """Return the contexts of an endpoint, made of its files. Raises ValueError, and others."""
    if not description.startswith("ssl:"):
        from ecm.net.certificates import identities
        from ecm.net.tls import contexts_of  # pyOpenSSL may be missing

        files = {Path(path): content for path, content in pems.items()}
        return contexts_of(identities(files, folder_of(description)), lean)
    with ExitStack() as files_in_memory:

        def in_memory(found: re.Match[str]) -> str:
            file = os.memfd_create("pem")
            files_in_memory.callback(os.close, file)
            os.pwrite(file, pems[unquoted(found[2])], 0)
            return f"{found[1]}=/proc/self/fd/{file}"

        endpoint: Any = server_endpoint(None, _FILES.sub(in_memory, description), lean)
        made: Contexts = endpoint.door.contexts
        return made


def renew(endpoint: object, description: str, pems: Pems, lean: bool) -> None:
    """Let new connections to an endpoint have the certificates in its files, if it has any.

    The key of the tickets stays, and so do the connections that are there. Raises as ``contexts``.
    """
    if isinstance(endpoint, TlsEndpoint):
        endpoint.door.contexts = contexts(description, pems, lean)


def _paths(description: str) -> Iterator[Path]:
    if description.startswith("ssl:"):
        yield from {Path(unquoted(found[2])): None for found in _FILES.finditer(description)}
    else:
        yield from sorted(folder_of(description).rglob("*.pem"))


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
