"""Faults of clients in the log: the first of a kind at once, all others summed by the minute."""

from enum import Enum
from typing import Final

import attrs
from twisted.logger import Logger, LogLevel

from ecm.limits import MAX_FAULTS_TOLD
from ecm.log.counts import Counted, FaultCounts

_log = Logger()


@attrs.frozen
class _Kind:
    what: str
    told: str
    short: str
    level: LogLevel = LogLevel.warn


class Fault(Enum):
    """The kinds of faults: ``what`` fails, what its client is ``told``, and a name in a sum.

    Some are warnings, as the operator may be able to mend them: a limit, a proxy, a setting.
    """

    HTTP = _Kind("HTTP request", "answered", "", LogLevel.info)
    ORIGIN = _Kind("request of a page", "not allowed", "page of ")
    CONNECTION = _Kind("connection", "refused", "connection: ")
    PROXY = _Kind("PROXY header", "connection aborted", "PROXY header: ")
    TLS = _Kind("TLS connection", "closed", "TLS: ")
    HANDSHAKE = _Kind("WebSocket handshake", "refused", "WebSocket handshake: ")
    WEBSOCKET = _Kind("WebSocket", "closed", "WebSocket: ")
    XMPP = _Kind("XMPP stream", "refused", "XMPP stream: ")


class ClientFaults:
    """Takes note of all that clients do wrong. It costs the log a few lines a minute at most."""

    def __init__(self) -> None:
        self._counts: Final[FaultCounts[Fault]] = FaultCounts()

    def add(self, fault: Fault, why: str, address: str) -> None:
        """Note a fault of the client at an address, which may be ""."""
        if self._counts.add(fault, why, address):
            kind = fault.value
            _log.emit(
                kind.level,
                "{what} failed, {told}: {why}{source}",
                what=kind.what,
                told=kind.told,
                why=why,
                source=f", from {address}" if address else "",
            )

    def tick(self, now: float) -> None:
        """Log those that were not told at once, when a minute is over."""
        counted = self._counts.tick(now)
        if counted:
            shown = [_shown(each) for each in counted[:MAX_FAULTS_TOLD]]
            rest = sum(each.number for each in counted[MAX_FAULTS_TOLD:])
            if rest:
                shown.append(f"and {rest} others")
            level = max(each.kind.value.level for each in counted)
            _log.emit(level, "last minute: {faults}", faults=", ".join(shown))


def _shown(counted: Counted[Fault]) -> str:
    most = f" (most from {counted.most})" if counted.most else ""
    return f"{counted.number} × {counted.kind.value.short}{counted.why}{most}"
