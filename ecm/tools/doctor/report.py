"""A diagnosis as text of 80 columns, and as JSON."""

import json
from collections.abc import Sequence
from typing import Any, Final

import attrs

from ecm.kernel import UNLIMITED
from ecm.tools.doctor import costs
from ecm.tools.doctor.diagnosis import MAX_USERS, Diagnosis, Finding, Verdict
from ecm.tools.doctor.fixes import LASTING
from ecm.tools.doctor.machine import Machine
from ecm.tools.doctor.node import Node
from ecm.tools.doctor.plan import Sessions, Tls, Transport

_TRANSPORTS: Final = {
    Transport.BOSH: "BOSH",
    Transport.WEBSOCKET: "WebSocket",
    Transport.TCP: "TCP",
}
_TLS: Final = {Tls.NONE: " without TLS", Tls.OPENSSL: " with TLS", Tls.LEAN: " with lean TLS"}

_SESSIONS: Final = {
    Sessions.MNESIA: "its own table of sessions",
    Sessions.ECM: "sm_db_type: ecm",
}

_ROW: Final = "{:<35}{:>12}{:>12}{:>12}  {}"

_NOTES: Final = """\
Kernel settings survive a reboot if written to {lasting},
without `sysctl -w` and without quotes.
Open files are those of this shell: {soft}, which ECM can raise to {hard};
a service has its own limit (LimitNOFILE).
Memory is what is free now; the need is that of idle users
(docs/benchmarks.md).
Clients need no port of this machine. A proxy in front of ECM, or a load
generator, needs one port for each connection; each pair of its address and
ECM's has all ports."""


def as_text(machine: Machine, found: Diagnosis, nodes: Sequence[Node], asked: bool) -> str:
    """``asked`` is whether the command line gave a number of users."""
    rows = [_ROW.format("", "have", "need", "holds users", "").rstrip()]
    for finding in found.findings:
        rows.append(_row(finding))
        rows.extend(f"    {fix}" for fix in finding.fixes)
    parts = [
        _title(found),
        "\n".join(rows),
        _ledger(found),
        *(["\n".join(map(_node, nodes))] if nodes else []),
        _notes(machine),
        _conclusion(found, asked),
    ]
    return "\n\n".join(parts)


def _title(found: Diagnosis) -> str:
    deployment = found.deployment
    users, connections = (
        _counted(deployment.users, "user"),
        _counted(deployment.connections, "connection"),
    )
    workers = _counted(deployment.workers, "worker")
    over = _TRANSPORTS[deployment.transport] + _TLS[deployment.tls]
    return f"{users} with {connections}\non {workers}, over {over}"


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
    memory = costs.memory(found.deployment)
    return (
        f"The memory is {_gigabytes(memory.kernel)} of the kernel,"
        f" {_gigabytes(memory.clients)} of ECM for connections,\n"
        f"{_gigabytes(memory.workers)} for its processes, and"
        f" {_gigabytes(memory.ejabberd)} of ejabberd,\nwith {_SESSIONS[found.deployment.sessions]}."
    )


def _node(node: Node) -> str:
    if node.fault:
        return f"{node.address}: {node.fault}"
    all_of_them = node.takes(Transport.TCP)
    taken = "BOSH, WebSocket and TCP" if all_of_them else "BOSH alone: update its mod_ecm"
    return f"{node.address}: {node.instance} takes {taken}"


def _notes(machine: Machine) -> str:
    soft, hard = _amount(machine.soft_files), _amount(machine.hard_files)
    return _NOTES.format(lasting=LASTING, soft=soft, hard=hard)


def _conclusion(found: Diagnosis, asked: bool) -> str:
    unknown = [one.rule.name for one in found.findings if one.verdict is Verdict.NOT_KNOWN]
    lines = [f"Not known: {name}." for name in unknown]
    lines.append(f"Room for users, as far as is known: {_users(found.room)}.")
    if found.bottleneck:
        lines.append(f"Bottleneck: {found.bottleneck.rule.name}.")
    if asked:
        answer = "yes" if found.fits else "NO"
        lines.append(f"Room for {_counted(found.deployment.users, 'user')}: {answer}.")
    else:
        lines.append("ecm-doctor --users NUMBER tells what more users need.")
    return "\n".join(lines)


def as_json(machine: Machine, found: Diagnosis, nodes: Sequence[Node]) -> str:
    """Bytes and counts as numbers; ``null`` is not known, ``"unlimited"`` has no limit."""
    return json.dumps(
        {
            "users": found.deployment.users,
            "connections": found.deployment.connections,
            "workers": found.deployment.workers,
            "transport": found.deployment.transport,
            "tls": found.deployment.tls,
            "sessions": found.deployment.sessions,
            "fits": found.fits,
            "room": found.room,
            "first": found.bottleneck and found.bottleneck.rule.name,
            "findings": [_finding(finding) for finding in found.findings],
            "memory": attrs.asdict(costs.memory(found.deployment)),
            "nodes": [attrs.asdict(node) for node in nodes],
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
        "mend": finding.fixes,
    }


def _plain(amount: int | None) -> int | str | None:
    return "unlimited" if amount is not None and amount >= UNLIMITED else amount
