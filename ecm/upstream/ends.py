"""The ends of connections to ejabberd, in the few words in which they are counted."""

import errno
from typing import Final

from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    TCPTimedOutError,
    TimeoutError,
)
from twisted.python.failure import Failure

from ecm.link.state import Input, State

# Errors that say that nobody listens there: of that machine, of the one before it, or of the file
# system; and that ECM may not connect.
_NOBODY: Final = {errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ENOENT}
_DENIED: Final = {errno.EACCES, errno.EPERM}

_BY_INPUT: Final = {
    Input.UNPROVEN.value: "secret",
    Input.SILENT.value: "silent",
    Input.VERSION.value: "malformed",
    Input.UNEXPECTED.value: "malformed",
    Input.MALFORMED.value: "malformed",
    Input.FLOOD.value: "malformed",
}


def why_ended(closed_by: str, state: State, reason: Failure) -> str:
    """Return why a connection has ended, in a state.

    ``closed_by`` is what has closed it, if the link protocol has.
    """
    if state is State.DRAINING:
        return "stops"
    if closed_by:
        return _BY_INPUT.get(closed_by, "other")
    is_of_tls = type(reason.value).__module__.startswith(("OpenSSL", "service_identity"))
    return "tls" if is_of_tls else "lost"


def why_none(error: BaseException | None) -> str:
    """Return why there was no connection."""
    if isinstance(error, TimeoutError | TCPTimedOutError):
        return "silent"
    number = _number(error)
    if number in _DENIED:
        return "denied"
    return "refused" if number in _NOBODY else "other"


def _number(error: BaseException | None) -> int | None:
    """Return the number of the error of a connection, if it has one."""
    if isinstance(error, ConnectionRefusedError):
        return errno.ECONNREFUSED
    number: int | None = error.osError if isinstance(error, ConnectError) else None
    return number
