"""The resources of a machine beside what users need of them."""

from bisect import bisect_left
from collections.abc import Callable
from enum import StrEnum
from typing import Final

import attrs

from ecm.kernel import UNLIMITED
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.plan import Deployment, Plan
from ecm.tools.doctor.rules import RULES, Rule

# More users than anybody has: the capacity where nothing limits it.
MAX_USERS: Final = 100_000_000


class Verdict(StrEnum):
    FITS = "fits"
    SHORT = "SHORT"
    ADVICE = "advice"  # it fits, but would do better
    NOT_KNOWN = "not known"


@attrs.frozen
class Finding:
    """The finding of one rule for a deployment."""

    rule: Rule
    have: int | None
    need: int
    # The most users for whom there is enough. None: not known, or advice.
    room: int | None

    @property
    def verdict(self) -> Verdict:
        if self.have is None:
            return Verdict.NOT_KNOWN
        if self.have >= self.need:
            return Verdict.FITS
        return Verdict.SHORT if self.rule.binds else Verdict.ADVICE

    @property
    def fixes(self) -> list[str]:
        wanting = self.verdict in (Verdict.SHORT, Verdict.ADVICE)
        return self.rule.fix(self.need) if wanting else []


@attrs.frozen
class Diagnosis:
    deployment: Deployment
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
    def bottleneck(self) -> Finding | None:
        """The resource that limits the users first, if any does."""
        scarcest = min(self._rooms(), key=lambda pair: pair[1], default=None)
        return scarcest[0] if scarcest and scarcest[1] < MAX_USERS else None

    def _rooms(self) -> list[tuple[Finding, int]]:
        return [(found, found.room) for found in self.findings if found.room is not None]


def diagnose(machine: Machine, plan: Plan, users: int | None) -> Diagnosis:
    """Diagnose so many users; None for the most that fit."""
    if users is None:
        users = diagnose(machine, plan, 0).room
    deployment = plan.deploy(machine, users)
    return Diagnosis(deployment, [_find(rule, machine, plan, deployment) for rule in RULES])


def _find(rule: Rule, machine: Machine, plan: Plan, deployment: Deployment) -> Finding:
    have = rule.have(machine)
    room = None if have is None or not rule.binds else _room(rule, have, machine, plan)
    return Finding(rule, have, rule.need(machine, deployment), room)


def _room(rule: Rule, have: int, machine: Machine, plan: Plan) -> int:
    if have >= UNLIMITED:
        return MAX_USERS
    return _most(lambda users: rule.need(machine, plan.deploy(machine, users)) <= have)


def _most(fit: Callable[[int], bool]) -> int:
    """The most users that fit, by bisection: fewer fit as well. 0 if not even none do."""
    too_many = bisect_left(range(MAX_USERS + 1), True, key=lambda users: not fit(users))
    return max(0, too_many - 1)
