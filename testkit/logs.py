"""The log of a test."""

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent


def lines(observer: EventLoggingObserver, namespace: str) -> list[str]:
    """Return the log messages of a module, a text each."""
    return [formatEvent(event) for event in observer if event.get("log_namespace", "") == namespace]
