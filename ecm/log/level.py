"""The levels of the log, and the lowest one that is written by this process."""

from typing import Final

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

# The priority of each level for syslog and journald (sd-daemon(3)).
PRIORITIES: Final = {"debug": 7, "info": 6, "warn": 4, "error": 3, "critical": 2}

DEFAULT_LEVEL: Final = "info"


def read_level(text: str) -> str:
    """Return the level that a text names. Raises ValueError if none has this name."""
    if text not in PRIORITIES:
        raise ValueError(f"give {', '.join(PRIORITIES)}")
    return text


@attrs.frozen
class Levels:
    """The lowest level that is written: ``passing`` for so many seconds, and then ``lasting``.

    ``seconds`` is 0 where nothing passes.
    """

    lasting: str
    passing: str = ""
    seconds: float = 0.0


class Threshold:
    """The lowest level that is written; it may be changed while ECM runs."""

    def __init__(self) -> None:
        self.level = self._lasting = DEFAULT_LEVEL
        self._return: IDelayedCall | None = None

    def admits(self, level: str) -> bool:
        """Return whether events of a level are written."""
        return PRIORITIES[level] <= PRIORITIES[self.level]

    def set(self, level: str) -> None:
        """Write events from a level on. Raises ValueError if there is no such level."""
        self.level = self._lasting = read_level(level)
        self._cancel_return()

    def set_for(self, seconds: float, level: str, clock: IReactorTime) -> None:
        """Do so for some seconds, and then as before. Raises ValueError."""
        self.level = read_level(level)
        self._cancel_return()
        self._return = clock.callLater(seconds, self._go_back)

    def levels(self, clock: IReactorTime) -> Levels:
        """Return what another process needs to write the same. ``clock`` is that of ``set_for``."""
        if self._return is None:
            return Levels(self._lasting)
        left = max(0.0, self._return.getTime() - clock.seconds())
        return Levels(self._lasting, self.level, left)

    def take(self, levels: Levels, clock: IReactorTime) -> None:
        """Write what another process does. Raises ValueError if there is no such level."""
        self.set(levels.lasting)
        if levels.seconds:
            self.set_for(levels.seconds, levels.passing, clock)

    def _go_back(self) -> None:
        self._return = None
        self.level = self._lasting

    def _cancel_return(self) -> None:
        if self._return is not None:
            self._return.cancel()
            self._return = None


# That of this process: its log is one, too (twisted.logger.globalLogPublisher).
THRESHOLD: Final = Threshold()


def set_level(level: str, seconds: float, clock: IReactorTime) -> None:
    """Write events from a level on in this process; for good if ``seconds`` is 0.

    Raises ValueError if there is no such level.
    """
    if seconds:
        THRESHOLD.set_for(seconds, level, clock)
    else:
        THRESHOLD.set(level)
