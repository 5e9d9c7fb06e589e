"""Failures of clients that one end of a link does not understand, in few lines of the log."""

from twisted.logger import Logger

from ecm.limits import LOG_INTERVAL
from ecm.upstream.tally import Tally

_log = Logger()


class Failures:
    """Failures of one kind: ``what`` fails, as a noun, and what its client is told (``told``)."""

    def __init__(self, what: str, told: str) -> None:
        self._what = what
        self._told = told
        self._tally = Tally()

    def add(self, reason: str) -> None:
        """Note a failure; the first one is logged at once."""
        if self._tally.add(reason):
            _log.warn(
                "{what} failed, {told}: {reason}", what=self._what, told=self._told, reason=reason
            )

    def tick(self, now: float) -> None:
        """Log those that have come since, once in a while."""
        failed, reason = self._tally.tick(now)
        if failed:
            _log.warn(
                "{failed} more {what}s failed in {seconds} seconds, {told}, the last one: {reason}",
                failed=failed,
                what=self._what,
                seconds=LOG_INTERVAL,
                told=self._told,
                reason=reason,
            )
