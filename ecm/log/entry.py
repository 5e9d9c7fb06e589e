"""An entry of the log, whatever it is written as."""

import math
from typing import Any, Final

import attrs
from twisted.logger import LogEvent, LogLevel, formatEvent

# Keys of an event that its text does not have, of the old interface of Twisted's log.
_OLD: Final = {
    *("message", "time", "system", "format", "isError", "failure", "why", "logLevel", "relayed")
}


@attrs.frozen
class Entry:
    """An entry: ``time`` is in seconds since 1970, ``worker`` the number of its process, or None.

    ``fields`` are the values in its text, by their names. A text may have several lines.
    """

    time: float
    level: str
    logger: str
    text: str
    worker: int | None = None
    fields: dict[str, Any] = attrs.field(factory=dict)

    @property
    def named_text(self) -> str:
        """The text, behind the name of its worker."""
        return self.text if self.worker is None else f"worker {self.worker}: {self.text}"


def entry_of(event: LogEvent) -> Entry:
    """Return the entry of an event, or that which a worker has made of it."""
    relayed = event.get("relayed")
    if isinstance(relayed, Entry):
        return relayed
    text = formatEvent(event)
    failure = event.get("log_failure")
    if failure is not None:
        text += "\n" + failure.getTraceback()
    return Entry(
        event.get("log_time", 0.0),
        event.get("log_level", LogLevel.info).name,
        _logger(event),
        text,
        fields={name: _plain(event[name]) for name in event if _is_field(name)},
    )


def _logger(event: LogEvent) -> str:
    """Return the name of its logger; - for one of the old interface, which has none."""
    name = event.get("log_namespace", "-")
    return "-" if name == "log_legacy" else str(name)


def _is_field(name: str) -> bool:
    return not name.startswith("log_") and name not in _OLD


def _plain(value: Any) -> Any:
    """Return a value that JSON has, for any."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case bytes():
            return value.decode(errors="backslashreplace")
    try:
        return str(value)
    except Exception:  # it is in the text, and formatEvent has said that it is broken
        return "?"
