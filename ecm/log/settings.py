"""Settings of the log."""

import attrs

from ecm.log.level import DEFAULT_LEVEL, read_level
from ecm.option import option

AUTO = "auto"
TEXT = "text"
JOURNAL = "journal"
JSON = "json"


def _read_format(text: str) -> str:
    formats = (AUTO, TEXT, JOURNAL, JSON)
    if text not in formats:
        raise ValueError(f"give {', '.join(formats)}")
    return text


@attrs.frozen
class LogSettings:
    """The format of the log, and the lowest level that is written."""

    format: str = attrs.field(
        default=AUTO,
        metadata=option(
            "format",
            "Format of the log: text; journal, for that of systemd; json, an object a line; or"
            " auto: journal where the log goes there, otherwise text.",
            name="log-format",
            read=_read_format,
        ),
    )
    level: str = attrs.field(
        default=DEFAULT_LEVEL,
        metadata=option(
            "level",
            "Lowest level that is written: debug, info, warn, error, critical.",
            name="log-level",
            read=read_level,
        ),
    )
