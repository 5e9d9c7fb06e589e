"""Numbers of packets on a link that resumes: what ejabberd has, and what is sent again. Pure.

Each end numbers what it sends on IDs other than 0, from 1, without writing the number anywhere
(docs/protocol.md, "resume and ack").
"""

from collections import deque


class Outbox:
    """Packets of a link, from when they are made until the peer has acknowledged them.

    ``sent`` are with the transport of the present connection, ``waiting`` are not yet; the owner
    moves them by hand where each call counts. ``size`` is the bytes of both. ``acknowledged`` is
    the number of the last packet that has left, ``left`` the bytes of all that have.
    """

    __slots__ = ("_marks", "acknowledged", "left", "sent", "size", "waiting")

    def __init__(self) -> None:
        self.sent: deque[bytes] = deque()
        self.waiting: list[bytes] = []
        self.size = 0
        self.acknowledged = self.left = 0
        # The last packet at some moments, a second apart, of those that have not left since.
        self._marks: deque[tuple[int, float]] = deque()

    @property
    def last_sent(self) -> int:
        """The number of the last packet that the peer may have."""
        return self.acknowledged + len(self.sent)

    def acknowledge(self, number: int) -> bool:
        """Forget packets up to a number. Returns whether the peer can have them, and no fewer."""
        if not self.acknowledged <= number <= self.last_sent:
            return False
        self.left += self.size
        for _ in range(number - self.acknowledged):
            self.size -= len(self.sent.popleft())
        self.left -= self.size
        self.acknowledged = number
        return True

    def take_waiting(self, keep: bool) -> list[bytes]:
        """Return what waits, for the transport; ``keep`` it until it is acknowledged, or not."""
        packets, self.waiting = self.waiting, []
        if keep:
            self.sent.extend(packets)
        else:
            self.acknowledged += len(packets)
            self.left += self.size
            self.size = 0
        return packets

    def rewind(self) -> None:
        """Another connection begins: what is not acknowledged waits again, in its order."""
        self.waiting[:0] = self.sent
        self.sent.clear()
        self._marks.clear()

    def age(self, now: float) -> float:
        """Return for how long the oldest packet has been here, to the second; asked once a second.

        The first look at a packet counts.
        """
        last = self.last_sent + len(self.waiting)
        while self._marks and self._marks[0][0] <= self.acknowledged:
            self._marks.popleft()
        if last > (self._marks[-1][0] if self._marks else self.acknowledged):
            self._marks.append((last, now))
        return now - self._marks[0][1] if self._marks else 0.0


class Receipts:
    """Packets that have come on a link, and what of that the peer has been told.

    ``number`` is that of the last one, and ``size`` the bytes since it was told; both are counted
    by the owner, who tells the peer when they are enough. ``before`` is the bytes before that.
    """

    __slots__ = ("before", "number", "size", "told")

    def __init__(self) -> None:
        self.number = self.told = 0
        self.size = self.before = 0

    def tell(self) -> int:
        """Return the number to acknowledge."""
        self.before += self.size
        self.told, self.size = self.number, 0
        return self.number
