"""The outage of a broken link: for how long it lasts, and whether anybody listens there. Pure."""


class Outage:
    """Seconds by the clock's ticks. What begins before the first tick begins with it."""

    def __init__(self) -> None:
        self._now: float | None = None
        self._began: float | None = None
        self._was_silent = False
        self._is_refused = False
        self._refused_since: float | None = None

    def begin(self, silent: bool = False) -> None:
        """The link breaks, perhaps because nothing has come over it for too long."""
        self._began = self._now
        self._was_silent = silent
        self.attempted(False)

    def attempted(self, nobody_listens: bool) -> None:
        """An attempt to connect has failed; perhaps because nobody listens there."""
        if nobody_listens and not self._is_refused:
            self._refused_since = self._now
        self._is_refused = nobody_listens

    def tick(self, now: float) -> None:
        self._now = now
        self._began = now if self._began is None else self._began
        self._refused_since = now if self._refused_since is None else self._refused_since

    @property
    def seconds(self) -> float:
        """The time since the link broke."""
        return self._since(self._began)

    @property
    def silent_for(self) -> float:
        """The time since the link broke, if it was silent before."""
        return self.seconds if self._was_silent else 0.0

    @property
    def refused_for(self) -> float:
        """The time for which nobody has listened there, at any attempt."""
        return self._since(self._refused_since) if self._is_refused else 0.0

    def _since(self, then: float | None) -> float:
        return 0.0 if self._now is None or then is None else self._now - then
