"""The file that twistd logs to."""

import inspect
import signal
from typing import Any

from twisted.python.logfile import BaseLogFile


def log_file() -> BaseLogFile | None:
    """Return the file of --logfile, or None where the log goes to stdout or to syslog.

    twistd leaves it to nobody but its handler of SIGUSR1, which rotates it. Call this before
    another handler takes its place.
    """
    handler: Any = signal.getsignal(signal.SIGUSR1)
    if not inspect.isfunction(handler):
        return None
    found = inspect.getclosurevars(handler).nonlocals.get("logFile")
    return found if isinstance(found, BaseLogFile) else None


def reopen(file: BaseLogFile) -> None:
    """Open the file of this name anew: another program has renamed the old one. Raises OSError.

    Then the log goes on in the old one.
    """
    with open(file.path, "ab"):  # LogFile closes the old one first
        pass
    file.reopen()
