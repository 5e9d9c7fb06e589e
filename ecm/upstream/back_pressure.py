"""Back-pressure on the front end, a push producer, while no node takes requests."""

from math import inf

from twisted.internet.interfaces import IPushProducer

from ecm.limits import FULL_FOR, NO_LINK_FOR
from ecm.upstream.pending import CONGESTED, NO_LINK


class BackPressure:
    """Pauses the producer while requests are blocked, and their queue is full or a link congested.

    For a congested link, it is not for longer than ``patience`` seconds. Until there is a producer
    nobody is paused. ``blocked_by`` says why no node takes requests, and is empty if one does.
    """

    def __init__(self, patience: float, now: float) -> None:
        self.producer: IPushProducer | None = None
        self.patience = patience
        self.blocked_by = NO_LINK
        # There has been no link yet: that is no short break of one.
        self._since = -inf
        self._now = now

    def block(self, why: str, now: float) -> None:
        """Note why no node takes requests; an empty string if one does."""
        if why != self.blocked_by:
            self.blocked_by, self._since = why, now

    def update(self, now: float, queue_is_full: bool) -> None:
        """Pause the producer, or resume it."""
        self._now = now
        if self.producer is None:
            return
        congested = self.blocked_by == CONGESTED and now - self._since < self.patience
        if self.blocked_by and (congested or queue_is_full):
            self.producer.pauseProducing()
        else:
            self.producer.resumeProducing()

    @property
    def refusal(self) -> str:
        """The reason why a balancer should send clients elsewhere; empty where there is none.

        A node that has taken no requests for a moment is none: these wait.
        """
        patience = FULL_FOR if self.blocked_by == CONGESTED else NO_LINK_FOR
        return self.blocked_by if self._now - self._since >= patience else ""
