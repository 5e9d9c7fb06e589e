"""The results of a run, as JSON."""

import json
import platform
import time
from pathlib import Path
from typing import Any

import attrs

import ecm
from ecm.tools.swarm.options import Options
from ecm.tools.swarm.phases import Course
from ecm.tools.swarm.statistics import mail

Result = dict[str, Any]


def result(options: Options, course: Course) -> Result:
    """Return all that is written down. docs/swarm.md says what it means."""
    counts, errors = course.figures.all.counts, course.figures.all.errors
    messages = mail(course.reports())
    messages["lost"] = messages.pop("missing")
    users = {
        "asked for": options.users,
        "logins": counts["logins"],
        "given up": counts["given up"],
        "sessions lost": counts["lost"] + course.lost_with_workers,
        "left": counts["left"],
        "most online": course.most_online,
    }
    return {
        "ok": _is_ok(users, messages, errors, course.interrupts),
        "interrupted": course.interrupts > 0,
        "version": ecm.__version__,
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": {"system": platform.platform(), "python": platform.python_version()},
        "options": _told(options),
        "seconds": course.seconds,
        "users": users,
        "messages": messages,
        "polls": counts["polls"],
        "requests": counts["requests"],
        "errors": dict(errors),
        "milliseconds": course.figures.all.milliseconds(),
        "own": _own(course, options),
        "series": course.figures.series,
    }


def _is_ok(
    users: dict[str, int], messages: dict[str, int], errors: dict[str, int], interrupts: int
) -> bool:
    """Whether nothing failed, nothing was lost, and all has been done."""
    complete = users["logins"] == users["left"] == users["asked for"]
    once = not (messages["lost"] or messages["twice"] or messages["astray"])
    return complete and once and not errors and not interrupts


def _own(course: Course, options: Options) -> Result:
    """What the swarm itself has used."""
    cpu = sum(report["cpu"] for report in course.reports())
    return {
        "processes": options.processes,
        "bytes per user": round(course.bytes_per_user),
        "bytes of the processes without users": sum(
            worker.first_resident for worker in course.workers
        ),
        "CPU seconds": round(cpu, 2),
        "CPU seconds of the logins": round(course.cpu_of_logins, 2),
    }


def _told(options: Options) -> Result:
    def plain(value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value

    told = {name: plain(value) for name, value in attrs.asdict(options).items()}
    # NamedTuples become lists otherwise; and what is None is so with a meaning.
    told["target"] = options.target._asdict()
    rates = ("rate", "message_rate", "poll_rate")
    return told | {name: "max" for name in rates if told[name] is None}


def write(result: Result, path: Path) -> None:
    """Raises OSError."""
    path.write_text(json.dumps(result, indent=1) + "\n")
