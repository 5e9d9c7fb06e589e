"""A brake for a link that is established and breaks again at once, for ever. Pure."""

from ecm.limits import RECONNECT_BURST, RECONNECT_RATE


class Brake:
    """A token bucket: links that may follow each other at once, and further ones at a rate."""

    def __init__(self) -> None:
        self._tokens = float(RECONNECT_BURST)
        self._since = 0.0

    def pause(self, now: float) -> float:
        """Take a token for the next link, and return the seconds until it is there.

        ``now`` is in seconds, from any start.
        """
        grown = self._tokens + (now - self._since) * RECONNECT_RATE
        self._tokens = min(grown, RECONNECT_BURST) - 1
        self._since = now
        return max(0.0, -self._tokens / RECONNECT_RATE)
