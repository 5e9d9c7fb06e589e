"""A diagnosis as text of 80 columns, and as JSON."""

import json
from typing import Any, Final

import attrs

from ecm.kernel import UNLIMITED
from ecm.tools.doctor import costs
from ecm.tools.doctor.diagnosis import MAX_USERS, Diagnosis, Finding, Verdict
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.mending import LASTING

_ROW: Final = "{:<35}{:>12}{:>12}{:>12}  {}"

_NOTES: Final = """\
Settings of the kernel last if they are written to {lasting},
without `sysctl -w` and without quotes.
Open files are those of this shell: {soft}, which ECM can raise to {hard};
a service has its own (LimitNOFILE).
Memory is what is free now; what users need is for those who do nothing and come
without TLS (docs/benchmarks.md).
Clients need no port of this machine. A proxy in front of ECM, or a load
generator, needs one for each connection, of those that each pair of its address
and ECM's has."""


def as_text(machine: Machine, found: Diagnosis, asked: bool) -> str:
    """``asked``: whether a number of users was given."""
    rows = [_ROW.format("", "have", "need", "holds users", "").rstrip()]
    for finding in found.findings:
        rows.append(_row(finding))
        rows.extend(f"    {mend}" for mend in finding.mends)
    parts = [
        _title(found),
        "\n".join(rows),
        _ledger(found),
        _notes(machine),
        _conclusion(found, asked),
    ]
    return "\n\n".join(parts)


def _title(found: Diagnosis) -> str:
    plan = found.plan
    users, connections = _counted(plan.users, "user"), _counted(plan.connections, "connection")
    return f"{users} with {connections} on {_counted(plan.workers, 'worker')}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"


def _row(finding: Finding) -> str:
    in_bytes = finding.rule.in_bytes
    room = "-" if finding.room is None else _users(finding.room)
    have, need = _amount(finding.have, in_bytes), _amount(finding.need, in_bytes)
    return _ROW.format(finding.rule.name, have, need, room, finding.verdict)


def _amount(amount: int | None, in_bytes: bool = False) -> str:
    if amount is None:
        return "?"
    if amount >= UNLIMITED:
        return "no limit"
    return _gigabytes(amount) if in_bytes else f"{amount:,}"


def _gigabytes(amount: int) -> str:
    return f"{amount / 1e9:,.2f} GB"


def _users(room: int) -> str:
    return "any" if room >= MAX_USERS else f"{room:,}"


def _ledger(found: Diagnosis) -> str:
    memory = costs.memory(found.plan)
    return (
        f"The memory is {_gigabytes(memory.kernel)} of the kernel,"
        f" {_gigabytes(memory.clients)} of ECM for requests,\n"
        f"{_gigabytes(memory.workers)} for its processes, and"
        f" {_gigabytes(memory.ejabberd)} of ejabberd."
    )


def _notes(machine: Machine) -> str:
    soft, hard = _amount(machine.soft_files), _amount(machine.hard_files)
    return _NOTES.format(lasting=LASTING, soft=soft, hard=hard)


def _conclusion(found: Diagnosis, asked: bool) -> str:
    unknown = [one.rule.name for one in found.findings if one.verdict is Verdict.NOT_KNOWN]
    lines = [f"Not known: {name}." for name in unknown]
    lines.append(f"Room for users, as far as is known: {_users(found.room)}.")
    if found.first:
        lines.append(f"What gives out first: {found.first.rule.name}.")
    if asked:
        answer = "yes" if found.fits else "NO"
        lines.append(f"Room for {_counted(found.plan.users, 'user')}: {answer}.")
    else:
        lines.append("ecm-doctor --users NUMBER says what to do for more.")
    return "\n".join(lines)


def as_json(machine: Machine, found: Diagnosis) -> str:
    """Bytes and counts as numbers; ``null`` is not known, ``"unlimited"`` has no limit."""
    return json.dumps(
        {
            "users": found.plan.users,
            "connections": found.plan.connections,
            "workers": found.plan.workers,
            "fits": found.fits,
            "room": found.room,
            "first": found.first and found.first.rule.name,
            "findings": [_finding(finding) for finding in found.findings],
            "memory": attrs.asdict(costs.memory(found.plan)),
            "machine": {name: _plain(value) for name, value in attrs.asdict(machine).items()},
        },
        indent=2,
    )


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.rule.name,
        "have": _plain(finding.have),
        "need": finding.need,
        "room": finding.room,
        "verdict": finding.verdict.lower(),
        "mend": finding.mends,
    }


def _plain(amount: int | None) -> int | str | None:
    return "unlimited" if amount is not None and amount >= UNLIMITED else amount
