"""The result of a run, as JSON."""

import json
import platform
import time
from pathlib import Path
from typing import Any

import attrs

import ecm
from ecm.tools.swarm.options import Options
from ecm.tools.swarm.phases import Phases
from ecm.tools.swarm.statistics import deliveries

Result = dict[str, Any]


def result(options: Options, phases: Phases) -> Result:
    """Return the result. docs/swarm.md explains its keys."""
    counts, errors = phases.statistics.all.counts, phases.statistics.all.errors
    messages = deliveries(phases.reports())
    messages["lost"] = messages.pop("missing")
    messages["out of order"] = messages.pop("late")
    users = {
        "asked for": options.users,
        "logins": counts["logins"],
        "given up": counts["given up"],
        "sessions lost": counts["lost"] + phases.lost_with_workers,
        "left": counts["left"],
        "most online": phases.most_online,
        "refused": counts["refused"],
    }
    return {
        "ok": _is_ok(users, messages, errors, phases.interrupts),
        "interrupted": phases.interrupts > 0,
        "version": ecm.__version__,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "options": _told(options),
        "seconds": phases.seconds,
        "users": users,
        "messages": messages,
        "storm": _storm(options, phases),
        "polls": counts["polls"],
        "requests": counts["requests"],
        "errors": dict(errors),
        "milliseconds": phases.statistics.all.milliseconds(),
        "own": _own(phases, options),
        "series": phases.statistics.series,
    }


def _storm(options: Options, phases: Phases) -> Result | None:
    """Return who has come back in the storm, and how fast; None if there was none."""
    if not options.storm or "storm" not in phases.seconds:
        return None
    seconds = phases.seconds["storm"]
    rate = round(phases.came_back / seconds, 1) if seconds else 0.0
    return {"users": options.storm, "came back": phases.came_back, "logins a second": rate}


def _is_ok(
    users: dict[str, int], messages: dict[str, int], errors: dict[str, int], interrupts: int
) -> bool:
    """True if all is done, nothing failed and nothing was lost."""
    complete = users["logins"] == users["left"] == users["asked for"]
    once = not any(messages[fault] for fault in ("lost", "twice", "astray", "out of order"))
    return complete and once and not errors and not interrupts


def _own(phases: Phases, options: Options) -> Result:
    """Return the resources that the swarm itself used."""
    cpu = sum(report["cpu"] for report in phases.reports())
    return {
        "processes": options.processes,
        "bytes per user": round(phases.bytes_per_user),
        "bytes of the processes without users": sum(
            worker.first_resident for worker in phases.workers
        ),
        "CPU seconds": round(cpu, 2),
        "CPU seconds of the logins": round(phases.cpu_of_logins, 2),
    }


def _told(options: Options) -> Result:
    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    told = {name: plain(value) for name, value in attrs.asdict(options).items()}
    # A NamedTuple would become a list; and a rate of None means something.
    told["target"] = options.target._asdict()
    rates = ("rate", "message_rate", "poll_rate")
    return told | {name: "max" for name in rates if told[name] is None}


def write(result: Result, path: Path) -> None:
    """Raises OSError."""
    path.write_text(json.dumps(result, indent=1) + "\n")
