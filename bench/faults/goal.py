"""The goal of a fault, and whether an outcome meets it. Pure."""

from collections.abc import Iterator

import attrs

from bench.faults.messages import Result


@attrs.frozen
class Goal:
    """The most of each; None is no goal.

    Messages that are lost were answered 200 (``told``) or were not (``untold``: their senders
    know). ``p99`` and ``longest`` are seconds of silence, ``beyond`` those by which the longest
    silence exceeds the time that the fault took.
    """

    told: int | None = 0
    untold: int | None = 0
    stuck: int | None = 0
    twice: int | None = 0
    disordered: int | None = 0
    sessions: int | None = 0
    errors: int | None = 0  # users who see one
    p99: float | None = None
    longest: float | None = None
    beyond: float | None = None

    def missed(self, result: Result) -> list[str]:
        """Return what there is more of, in words."""
        return [
            f"{what}: {found:g}"
            for what, most, found in self._compared(result)
            if most is not None and found is not None and found > most
        ]

    def words(self) -> str:
        """Return the goal as the table shows it."""
        none = [what for what, most in self._most().items() if most == 0]
        parts = [f"0 {', '.join(none)}"] if none else []
        parts += [f"{what} ≤ {most:g}" for what, most in self._most().items() if most]
        return "; ".join(parts) or "none"

    def _most(self) -> dict[str, float | None]:
        return {
            "answered and lost": self.told,
            "unanswered and lost": self.untold,
            "stuck": self.stuck,
            "twice": self.twice,
            "out of order": self.disordered,
            "sessions lost": self.sessions,
            "users with errors": self.errors,
            "p99 (s)": self.p99,
            "max (s)": self.longest,
            "max beyond the fault (s)": self.beyond,
        }

    def _compared(self, result: Result) -> Iterator[tuple[str, float | None, float | None]]:
        losses, (_, p99, longest) = result["losses"], result["silence"]
        found = {
            "answered and lost": losses["told"],
            "unanswered and lost": losses["untold"],
            "stuck": losses["stuck"],
            "twice": losses["twice"],
            "out of order": losses["disordered"],
            "sessions lost": sum(result["sessions_lost"].values()),
            "users with errors": result["users_with_errors"],
            "p99 (s)": p99,
            "max (s)": longest,
            "max beyond the fault (s)": _beyond(longest, result["fault_seconds"]),
        }
        yield "users who cannot log in any more", 0, result["absent"]
        for what, most in self._most().items():
            yield what, most, found[what]


def _beyond(longest: float | None, fault: float) -> float | None:
    return None if longest is None else round(max(longest - fault, 0), 3)
