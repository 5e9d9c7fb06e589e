"""The outcome of a fault: a line of the table, from all its rounds. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from bench.faults.goal import Goal
from bench.faults.messages import Result


@attrs.frozen
class Outcome:
    """``rounds`` are the results of each, ``missed`` those of the goal's parts that any of them
    does not meet. ``about`` says when and with what it was measured, ``untried`` why it was not."""

    name: str
    what: str
    goal: str
    missed: Sequence[str]
    rounds: Sequence[Result]
    about: dict[str, str]
    untried: str = ""

    @classmethod
    def of(
        cls, name: str, what: str, goal: Goal, rounds: Sequence[Result], about: dict[str, str]
    ) -> "Outcome":
        missed = [f"{part}" for result in rounds for part in goal.missed(result)]
        return cls(name, what, goal.words(), missed, rounds, about)

    @property
    def verdict(self) -> str:
        if self.untried:
            return self.untried
        return f"**not met**: {', '.join(self.missed)}" if self.missed else "met"

    @property
    def is_well(self) -> bool:
        """True if the goal is met, or the fault cannot be tried here."""
        return not self.missed and not self.untried.startswith("failed")

    def cells(self) -> dict[str, str]:
        """Return the line of the table. Of several rounds each cell has all that differ."""
        return {
            "fault": self.what,
            "messages": self._all(lambda result: result["messages"]),
            "answered 200, lost": self._all(lambda result: result["losses"]["told"]),
            "never answered, lost": self._all(lambda result: result["losses"]["untold"]),
            "stuck": self._all(lambda result: result["losses"]["stuck"]),
            "twice": self._all(lambda result: result["losses"]["twice"]),
            "out of order": self._all(lambda result: result["losses"]["disordered"]),
            "sessions lost": self._all(lambda result: sum(result["sessions_lost"].values())),
            "users with errors": self._all(lambda result: result["users_with_errors"]),
            "silence p50 / p99 / max, s": self._all(lambda result: _silence(result["silence"])),
            "goal": self.goal,
            "verdict": self.verdict,
        }

    def _all(self, show: Any) -> str:
        found = [show(result) for result in self.rounds]
        if found and all(isinstance(each, int) for each in found):
            least, most = min(found), max(found)
            return f"{least:,}" if least == most else f"{least:,} to {most:,}"
        return "; ".join(dict.fromkeys(found)) or "–"


def _silence(seconds: Sequence[float | None]) -> str:
    return " / ".join("–" if each is None else f"{each:.3g}" for each in seconds)


def columns() -> Iterator[str]:
    yield from Outcome("", "", "", (), (), {}).cells()
