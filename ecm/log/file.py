"""The file of --logfile."""

from twisted.python.logfile import LogFile

from ecm.errors import StartupError


def opened(name: str) -> LogFile:
    """Return the file of this name, which goes on where it ends. Raises StartupError."""
    try:
        file: LogFile = LogFile.fromFullPath(name)
    except OSError as error:
        raise StartupError(f"--logfile {name}: {error.strerror}") from None
    return file


def reopen(file: LogFile) -> None:
    """Open the file of this name anew: another program has renamed the old one. Raises OSError.

    Then the log goes on in the old one.
    """
    with open(file.path, "ab"):  # LogFile closes the old one first
        pass
    file.reopen()
