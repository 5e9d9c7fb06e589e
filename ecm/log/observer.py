"""The observer of a log: entries of the levels that are wanted, in a format, to an output."""

from collections.abc import Callable

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel
from zope.interface import implementer

from ecm.log.entry import entry_of
from ecm.log.formats import Format
from ecm.log.level import PRIORITIES, THRESHOLD
from ecm.log.warnings import WARNINGS

_log = Logger()


@implementer(ILogObserver)
class Observer:
    """Writes what the threshold of this process admits, and notes what is a warning, or worse."""

    def __init__(self, form: Format, write: Callable[[bytes], object]) -> None:
        self._form = form
        self._write = write

    def __call__(self, event: LogEvent) -> None:
        level = event.get("log_level", LogLevel.info).name
        if not THRESHOLD.admits(level):
            return
        entry = entry_of(event)
        if PRIORITIES[level] <= PRIORITIES["warn"]:
            WARNINGS.add(level, entry.named_text, entry.time)
        self._write(self._form(entry))


def say_missed(lines: int) -> None:
    """Log that lines were dropped, where an output has had to."""
    _log.warn(
        "{lines} lines of the log are missing here: its reader did not take them in time",
        lines=lines,
    )
