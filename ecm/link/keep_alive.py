"""Keep-alive of a typed link: pings, and detection of a dead peer. Pure."""

from ecm.limits import MAX_PINGS, STATS_INTERVAL


class KeepAlive:
    """Times are seconds, from any epoch."""

    def __init__(self, ping_interval: float, link_timeout: float) -> None:
        self._ping_interval = ping_interval
        self._link_timeout = link_timeout
        self._last_ping = 0.0
        self._number = 0
        self._pending_ping = ""  # the token of a ping that has no pong yet
        self._peer_pings = 0  # since the last tick
        self._asked: float | None = None  # when numbers of the node were asked for last

    def start(self, now: float) -> None:
        """The link is connected."""
        self._last_ping = now

    def tick(self) -> None:
        """Let the peer send pings for another second."""
        self._peer_pings = 0

    def is_dead(self, now: float, last_received: float) -> bool:
        """Return whether the peer has been silent for too long since bytes came last."""
        return now - last_received >= self._link_timeout

    def ping(self, now: float) -> str | None:
        """Return the token of a ping that is due, or None. One is pending at a time."""
        if self._pending_ping or now - self._last_ping < self._ping_interval:
            return None
        self._last_ping = now
        self._number += 1
        self._pending_ping = str(self._number)
        return self._pending_ping

    def asks(self, now: float) -> bool:
        """Return whether the ping that is sent now should ask for the numbers of the node."""
        due = self._asked is None or now - self._asked >= STATS_INTERVAL
        if due:
            self._asked = now
        return due

    def pong(self, token: str, now: float) -> float | None:
        """Return the seconds since the ping that a pong answers, or None where it answers none."""
        if token != self._pending_ping:
            return None
        self._pending_ping = ""
        return now - self._last_ping

    def is_flood(self) -> bool:
        """Count a ping of the peer. Returns whether it sends too many."""
        self._peer_pings += 1
        return self._peer_pings > MAX_PINGS
