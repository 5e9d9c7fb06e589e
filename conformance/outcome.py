"""The outcome of a script, and its report."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from conformance.script import Script
from conformance.text import printable


class Result(StrEnum):
    PASS = "pass"
    FAIL = "FAIL"
    SKIP = "skip"


@dataclass(frozen=True)
class Outcome:
    """``why`` is empty for a pass; ``at`` is where it failed, as line and statement."""

    script: Script
    result: Result
    why: str = ""
    at: str = ""

    @property
    def counts(self) -> bool:
        """True if the run has failed because of it."""
        return self.result is Result.FAIL and self.script.level.counts

    def told(self) -> str:
        return printable(self._told())

    def _told(self) -> str:
        script = self.script
        line = f"{self.result}  {script.level:6}  {script.xep:12}  {script.name}"
        if self.result is Result.SKIP:
            return f"{line}: {self.why}"
        if self.result is Result.PASS:
            return line
        below = [script.why, self.at, *(f"    {text}" for text in self.why.splitlines())]
        return "\n".join([line, *(f"      {text}" for text in below)])


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return the number of each outcome, in one line."""
    counts = [
        f"{sum(outcome.result is result for outcome in outcomes)} {word}"
        for result, word in (
            (Result.PASS, "passed"),
            (Result.FAIL, "failed"),
            (Result.SKIP, "skipped"),
        )
    ]
    optional = sum(o.result is Result.FAIL and not o.counts for o in outcomes)
    return ", ".join(counts) + (f" ({optional} of the failed are optional)" if optional else "")
