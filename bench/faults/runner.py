"""All faults of a run, one after another, with an estimate of what remains."""

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from bench.faults.lab import Fault, Size, Skipped, run
from bench.faults.messages import Result
from bench.faults.outcome import Outcome
from bench.faults.stack import sweep
from ecm.tools.errors import ToolError


@attrs.frozen
class Runner:
    """``code`` is that of bench.node.compiled, ``about`` goes with each outcome. ``logs`` is a
    folder for those of each fault and round."""

    size: Size
    rounds: int
    code: Sequence[Path]
    about: dict[str, str]
    logs: Path | None = None

    def outcomes(self, chosen: Sequence[Fault]) -> Iterator[Outcome]:
        """Give the outcome of each fault as soon as it is there."""
        estimate = Estimate([self._seconds(fault) for fault in chosen])
        for number, fault in enumerate(chosen, 1):
            minutes = estimate.left(number - 1, time.monotonic()) / 60
            _say(
                f"{number} of {len(chosen)}: {fault.name}: {fault.what};"
                f" about {minutes:.0f} minutes to go"
            )
            outcome = self._outcome(fault)
            _say(f"{fault.name}: {outcome.verdict}")
            yield outcome

    def _seconds(self, fault: Fault) -> float:
        one = self.size.seconds(len(self.size.users_of(fault.more))) + fault.seconds
        return self.rounds * (one + fault.recovery)

    def _outcome(self, fault: Fault) -> Outcome:
        results = []
        try:
            for number in range(1, self.rounds + 1):
                results.append(self._round(fault, number))
        except Skipped as why:
            return self._without(fault, f"skipped: {why}")
        except ToolError as error:
            return self._without(fault, f"failed: {error}")
        return Outcome.of(fault.name, fault.what, fault.goal, results, self.about)

    def _round(self, fault: Fault, number: int) -> Result:
        """Run it once, and leave no process of it. Raises ToolError, Skipped."""
        logs = self.logs / f"{fault.name}-{number}" if self.logs else None
        try:
            return run(fault, self.size, self.code, logs)
        finally:
            sweep()

    def _without(self, fault: Fault, why: str) -> Outcome:
        return Outcome(fault.name, fault.what, fault.goal.words(), (), (), self.about, why)


class Estimate:
    """The time that is left, from the seconds that each part should take, and those that the parts
    before have taken."""

    def __init__(self, parts: Sequence[float]) -> None:
        self._parts = parts
        self._began: float | None = None

    def left(self, done: int, now: float) -> float:
        """Return the seconds from now on, when so many parts are done."""
        if self._began is None:
            self._began = now
        planned = sum(self._parts[:done])
        slower = (now - self._began) / planned if planned else 1
        return sum(self._parts[done:]) * slower


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)
