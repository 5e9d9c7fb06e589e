"""Files that only their owner can read, from their first byte on."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write or replace a file, atomically. A symbolic link in its place is not followed."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)
    new.replace(path)


def write_once(path: Path, text: str) -> None:
    """Write a file unless it exists."""
    if not path.exists():
        write(path, text)
