"""What was logged."""

from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent


def lines(observer: EventLoggingObserver, namespace: str) -> list[str]:
    """What a module has logged, a text each."""
    return [formatEvent(event) for event in observer if event.get("log_namespace", "") == namespace]
