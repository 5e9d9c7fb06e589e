"""The content of a file of certificates, keys, or a secret."""

from errno import ESPIPE
from pathlib import Path


def read_file(path: Path) -> bytes:
    """Return what is in a file. Raises OSError; for a pipe, too, which might never have an end."""
    if path.is_fifo():
        raise OSError(ESPIPE, "Is a pipe", str(path))
    return path.read_bytes()
