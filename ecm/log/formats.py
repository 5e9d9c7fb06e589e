"""The formats of the log: an entry as bytes, with the LF at its end."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from twisted.logger import formatTime

from ecm.limits import MAX_LOG_LINE
from ecm.log.entry import Entry
from ecm.log.level import PRIORITIES

Format = Callable[[Entry], bytes]

# What a terminal might obey, or take for the end of a line.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def as_text(entry: Entry) -> bytes:
    """Return it as twistd writes its log: local time, logger and level; further lines indented."""
    text = _shown(entry.named_text).replace("\n", "\n\t")
    logger = "-" if entry.logger == "-" else f"{entry.logger}#{entry.level}"
    return _encoded(f"{formatTime(entry.time)} [{logger}] {text}\n")


def as_journal(entry: Entry) -> bytes:
    """Return it for systemd's journal: each line behind its priority (sd-daemon(3)).

    The journal has the time, and the name of the service.
    """
    prefix = f"<{PRIORITIES[entry.level]}>"
    lines = _shown(entry.named_text).split("\n")
    return _encoded("".join(f"{prefix}{line}\n" for line in lines if line))


def as_json(entry: Entry) -> bytes:
    """Return it as an object in one line, which is not longer than MAX_LOG_LINE."""
    values: dict[str, Any] = {
        "time": datetime.fromtimestamp(entry.time, UTC).isoformat(timespec="milliseconds"),
        "level": entry.level,
        "logger": entry.logger,
        "worker": entry.worker,
        "text": entry.text,
        "fields": entry.fields,
    }
    line = json.dumps(values).encode() + b"\n"
    if len(line) > MAX_LOG_LINE:
        # A character takes 12 bytes at most, as two escapes.
        values |= {"text": entry.text[: MAX_LOG_LINE // 16], "fields": {}}
        line = json.dumps(values).encode() + b"\n"
    return line


def from_json(line: bytes, worker: int) -> Entry:
    """Return the entry of a line of ``as_json`` that a worker has written. Raises ValueError."""
    try:
        values = json.loads(line)
        time = datetime.fromisoformat(values["time"]).timestamp()
        level, logger, text = (str(values[each]) for each in ("level", "logger", "text"))
        fields = dict(values["fields"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"no entry of a log: {error}") from None
    if level not in PRIORITIES:
        raise ValueError(f"no level: {level}")
    return Entry(time, level, logger, text, worker, fields)


def _shown(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def _encoded(text: str) -> bytes:
    return text.encode(errors="backslashreplace")
