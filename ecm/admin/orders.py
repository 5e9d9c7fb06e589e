"""Orders of the operator: what changes something, and is logged."""

from http import HTTPStatus

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ecm.admin.asked import Asked, Reply, refused, said
from ecm.limits import DRAIN_TIME, MAX_TIMEOUT
from ecm.operated import Operated

_log = Logger()


def reload(ecm: Operated, asked: Asked) -> Deferred[Reply]:
    """Have the settings read again; 409 with the mistake where nothing has changed."""

    def done(lines: list[str]) -> Reply:
        return said(*lines)

    def failed(failure: Failure) -> Reply:
        failure.trap(ValueError)
        return refused(HTTPStatus.CONFLICT, f"nothing has changed: {failure.getErrorMessage()}")

    _log.info("operator: reload")
    return ecm.reload().addCallbacks(done, failed)


def drain(ecm: Operated, asked: Asked) -> Reply:
    """Send all clients away, within ?seconds=."""
    seconds = asked.number("seconds", DRAIN_TIME, MAX_TIMEOUT)
    _log.info("operator: drain, clients are sent away within {seconds} s", seconds=seconds)
    ecm.drain(seconds)
    return said(f"draining: not ready, and clients are sent away within {seconds} s")


def undrain(ecm: Operated, asked: Asked) -> Reply:
    """Send nobody away any more."""
    _log.info("operator: undrain, clients stay")
    ecm.undrain()
    return said("no longer draining: clients stay")


def restart(ecm: Operated, asked: Asked) -> Reply:
    """Replace ?worker=, gracefully."""
    number = asked.number("worker", None, 10_000)
    ecm.restart(number)
    _log.info("operator: restart of worker {number}", number=number)
    return said(f"worker {number} is replaced as soon as its successor has a link")


def set_log_level(ecm: Operated, asked: Asked) -> Reply:
    """Log from ?level= on, for so many seconds (?for=), or for good."""
    level = asked.query.get("level", "")
    seconds = asked.number("for", 0, MAX_TIMEOUT)
    ecm.set_log_level(level, seconds)
    time = f"for {seconds} s" if seconds else "from now on"
    _log.info("operator: log level {lowest} {time}", lowest=level, time=time)
    return said(f"log level {level} {time}")
