"""What a machine has, beside what users need of it."""

from bisect import bisect_left
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import attrs

from ecm.kernel import UNLIMITED
from ecm.tools.doctor import plan
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.plan import Plan, Wish
from ecm.tools.doctor.rules import RULES, Rule

# Users that nobody has. As many fit, where no limit is found below.
MAX_USERS: Final = 100_000_000


class Verdict(StrEnum):
    FITS = "fits"
    SHORT = "SHORT"
    ADVICE = "advice"  # it fits, but would do better
    NOT_KNOWN = "not known"


@attrs.frozen
class Finding:
    """What one rule says of a plan."""

    rule: Rule
    have: int | None
    need: int
    # The most users for which there is enough of this. None: not known, or advice.
    room: int | None

    @property
    def verdict(self) -> Verdict:
        if self.have is None:
            return Verdict.NOT_KNOWN
        if self.have >= self.need:
            return Verdict.FITS
        return Verdict.SHORT if self.rule.binds else Verdict.ADVICE

    @property
    def mends(self) -> list[str]:
        wanting = self.verdict in (Verdict.SHORT, Verdict.ADVICE)
        return self.rule.mend(self.need) if wanting else []


@attrs.frozen
class Diagnosis:
    plan: Plan
    findings: list[Finding]

    @property
    def fits(self) -> bool:
        """As far as is known."""
        return all(finding.verdict is not Verdict.SHORT for finding in self.findings)

    @property
    def room(self) -> int:
        """The most users that fit, as far as is known."""
        return min((room for _, room in self._rooms()), default=MAX_USERS)

    @property
    def first(self) -> Finding | None:
        """What gives out first, if anything does."""
        scarcest = min(self._rooms(), key=lambda pair: pair[1], default=None)
        return scarcest[0] if scarcest and scarcest[1] < MAX_USERS else None

    def _rooms(self) -> list[tuple[Finding, int]]:
        return [(found, found.room) for found in self.findings if found.room is not None]


def diagnose(machine: Machine, wish: Wish, users: int | None) -> Diagnosis:
    """Look at so many users; None for the most that fit."""
    if users is None:
        users = diagnose(machine, wish, 0).room
    wanted = plan.make(wish, machine, users)
    return Diagnosis(wanted, [_find(rule, machine, wish, wanted) for rule in RULES])


def _find(rule: Rule, machine: Machine, wish: Wish, wanted: Plan) -> Finding:
    have = rule.have(machine)
    room = None if have is None or not rule.binds else _room(rule, have, machine, wish)
    return Finding(rule, have, rule.need(machine, wanted), room)


def _room(rule: Rule, have: int, machine: Machine, wish: Wish) -> int:
    if have >= UNLIMITED:
        return MAX_USERS
    return _most(lambda users: rule.need(machine, plan.make(wish, machine, users)) <= have)


def _most(fit: Callable[[int], bool]) -> int:
    """The most users that fit, where fewer than fit do as well. 0, if not even none do."""
    too_many = bisect_left(range(MAX_USERS + 1), True, key=lambda users: not fit(users))
    return max(0, too_many - 1)
