"""The view that an operator has of an ECM: what it tells of itself, and what it can be told.

``Operated`` is fulfilled by an ECM in one process, and by a supervisor of workers. Whoever shows it
to an operator knows neither.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import attrs
from twisted.internet.defer import Deferred

from ecm.questions import Words
from ecm.status.snapshot import Snapshot
from ecm.status.totals import Totals

# The states of a process.
STARTING: Final = "starting"
SERVES: Final = "serves"
DRAINS: Final = "drains"


@attrs.frozen
class ProcessStatus:
    """A process that serves clients: its number, which stays when it is replaced, and its state.

    ``generation`` counts the reloads, ``restarts`` the processes that have had this number before.
    ``rss`` are bytes of resident memory, ``cpu`` seconds of CPU; 0 where they are not known, as
    ``pid`` is before there is a process.
    """

    number: int
    pid: int
    generation: int = 1
    state: str = SERVES
    restarts: int = 0
    rss: int = 0
    cpu: float = 0.0


@attrs.frozen
class OptionInForce:
    """An option with the texts of its values, and where these are from.

    That is ``flag``, a variable, FILE:LINE, or ``default``. A secret has the name of its file.
    """

    name: str
    texts: Sequence[str]
    where: str

    @property
    def is_given(self) -> bool:
        """True unless it has its default."""
        return self.where != "default"


def in_force(texts: Mapping[str, Sequence[str]], origins: Mapping[str, str]) -> list[OptionInForce]:
    """Return the options of settings, which have both by the names of the options."""
    return [OptionInForce(name, given, origins.get(name, "")) for name, given in texts.items()]


@attrs.frozen
class Reloaded:
    """The last reload: whether the settings were taken, and when that was (Unix time)."""

    success: bool
    at: float


class Operated(Protocol):
    """An ECM, as an operator sees it. Nothing here waits for a process that may hang."""

    def snapshots(self) -> Sequence[Snapshot]:
        """Return the last snapshot of each process that has told one, by number."""

    def totals(self) -> Totals:
        """Return what all processes have counted, also those that have ended."""

    def processes(self) -> Sequence[ProcessStatus]:
        """Return the processes that serve clients, by number."""

    def options(self) -> Sequence[OptionInForce]:
        """Return all options, as they are in force."""

    def reload(self) -> Deferred[list[str]]:
        """Read the settings again and go on with them.

        Fires with what was done, a line each. Fails with ValueError, which names the mistake;
        nothing has changed then.
        """

    @property
    def reloaded(self) -> Reloaded | None:
        """The last reload; None if there was none."""

    def restart(self, number: int) -> None:
        """Replace a process by a new one, gracefully. Raises ValueError if that cannot be."""

    def drain(self, seconds: float) -> None:
        """Be not ready, and close all connections behind their answers, spread over that time.

        New connections are served, too.
        """

    def undrain(self) -> None:
        """Be ready again, and close no more connections."""

    def set_log_level(self, level: str, seconds: float) -> None:
        """Log from a level on for so many seconds; for good where that is 0. Raises ValueError."""

    def ask(self, question: Words) -> Deferred[list[Words]]:
        """Ask all processes that serve clients. Fires with their answers, within a second.

        A question is ``{topic: {...}}``. Each answer has the number of its ``process``, and
        ``error`` in place of anything else if there is none.
        """
