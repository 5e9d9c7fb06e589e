"""The signs of life of a worker, and what follows from their absence."""

import enum

from ecm.workers.process import Process
from ecm.workers.pulse import Pulse
from ecm.workers.starvation import Glance


class Health(enum.Enum):
    """The state of a worker: WEAK is told once, and one that HANGS is to be killed."""

    WELL = enum.auto()
    WEAK = enum.auto()
    HANGS = enum.auto()


class Vitals:
    """Watches a worker's pulse; and its process, once that is known.

    A worker that is silent because the machine gives it no CPU is taken for one that hangs later.
    """

    def __init__(self, timeout: float) -> None:
        self.process: Process | None = None
        self._pulse = Pulse(timeout)
        self._when_weak: Glance | None = None  # a look at the process since its pulse is weak

    @property
    def silence(self) -> int:
        """The seconds since the worker's last word."""
        return round(self._pulse.silence)

    @property
    def pid(self) -> int:
        """The ID of the process; 0 if it is not known."""
        return 0 if self.process is None else self.process.pid

    def heard(self) -> None:
        """The worker has said something."""
        self._pulse.heard()

    def look(self, seconds: float) -> Health:
        """Return how the worker is, so many seconds after the last look."""
        self._pulse.tick(seconds)
        if not self._pulse.is_weak:
            self._when_weak = None
        elif self._when_weak is None:
            self._when_weak = Glance() if self.process is None else Glance.at(self.process)
            return Health.WEAK
        elif self._pulse.has_stopped and self.process is not None:
            starved = Glance.at(self.process).is_starved(self._when_weak)
            if not starved or self._pulse.is_hopeless:
                return Health.HANGS
        return Health.WELL

    def kill(self, lives: bool) -> None:
        """Kill the process; see Process.kill. Nothing is known of it then."""
        if self.process is not None:
            self.process.kill(lives)
        self.forget()

    def forget(self) -> None:
        """The process has ended, or is left alone."""
        if self.process is not None:
            self.process.close()
            self.process = None
