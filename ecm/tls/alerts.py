"""Alerts (RFC 8446, section 6), and the fault that ends a connection with one. Pure."""

from enum import IntEnum
from typing import Final


class Alert(IntEnum):
    """The alerts that are sent here, and those that end no connection with a fault."""

    CLOSE_NOTIFY = 0
    UNEXPECTED_MESSAGE = 10
    BAD_RECORD_MAC = 20
    RECORD_OVERFLOW = 22
    ILLEGAL_PARAMETER = 47
    DECODE_ERROR = 50
    USER_CANCELED = 90


_WARNING: Final = 1
_FATAL: Final = 2


class TlsFault(Exception):
    """The client has broken a rule of TLS. ``alert`` is what it is told."""

    def __init__(self, alert: Alert) -> None:
        super().__init__(alert.name.lower())
        self.alert = alert


def encode(alert: Alert) -> bytes:
    """Return the content of the record for an alert. The level has no meaning any more."""
    return bytes((_WARNING if alert == Alert.CLOSE_NOTIFY else _FATAL, alert))


def decode(content: bytes) -> int:
    """Return the alert in a record, which need not be one of those that are known here.

    Raises TlsFault: a record has one alert, whole (section 5.1), and is not empty (section 5.4).
    """
    if not content:
        raise TlsFault(Alert.UNEXPECTED_MESSAGE)
    if len(content) != 2:
        raise TlsFault(Alert.DECODE_ERROR)
    return content[1]
