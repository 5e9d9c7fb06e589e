"""Delivery of the messages of a process: each must arrive exactly once. Pure."""

import re

_MARK = b"swarm"


class Delivery:
    """A number in its text identifies a message; ``run`` distinguishes it from other runs'.

    ``twice`` counts duplicates, ``astray`` arrivals at another user, including a bounce to the
    sender; ``late`` those that have arrived behind a later one of the same two users, who must get
    them in order (RFC 6120, section 10.1). Those that are ``doubtful`` were under way to or from
    somebody who has gone: they may arrive, or not.
    """

    def __init__(self, run: str) -> None:
        self._mark = b"%b:%b:" % (_MARK, run.encode())
        self._text = re.compile(b">%b([0-9]{1,18}):([0-9]{1,18})<" % self._mark)
        # The time at which each was sent, the sender, and the receiver.
        self._under_way: dict[int, tuple[float, int, int]] = {}
        self._doubtful: set[int] = set()
        # Of two users: how many are under way, and the newest that has arrived meanwhile.
        self._between: dict[tuple[int, int], tuple[int, int]] = {}
        self.sent = self.arrived = self.twice = self.astray = self.late = 0

    @property
    def missing(self) -> int:
        return len(self._under_way)

    @property
    def doubtful(self) -> int:
        return len(self._doubtful)

    def missing_since(self, then: float) -> int:
        """Return how many missing messages were sent before this time."""
        old = 0
        for sent, _, _ in self._under_way.values():  # in the order of sending
            if sent >= then:
                break
            old += 1
        return old

    def text(self, sender: int, receiver: int, now: float) -> bytes:
        """Return the text of a new message between the users of these numbers."""
        number = self.sent
        self.sent += 1
        self._under_way[number] = now, sender, receiver
        count, newest = self._between.get((sender, receiver), (0, -1))
        self._between[sender, receiver] = count + 1, newest
        return b"%b%d:%d" % (self._mark, number, receiver)

    def doubt(self, user: int) -> None:
        """Miss nothing of what is under way to or from this user, who has gone."""
        for number, (_, sender, receiver) in [*self._under_way.items()]:
            if user in (sender, receiver):
                del self._under_way[number]
                self._doubtful.add(number)
                self._forget_order((sender, receiver))

    def arrivals(self, body: bytes, receiver: int, now: float) -> list[float]:
        """Find messages in an answer to this user; return the latencies of new arrivals."""
        took = []
        for number, meant in self._text.findall(body):
            if int(meant) != receiver:
                self.astray += 1
            elif (found := self._under_way.pop(int(number), None)) is not None:
                sent, sender, _ = found
                self.arrived += 1
                self._keep_order(int(number), (sender, receiver))
                took.append(now - sent)
            elif int(number) in self._doubtful:
                self._doubtful.discard(int(number))
                self.arrived += 1
            else:
                self.twice += 1
        return took

    def _keep_order(self, number: int, two: tuple[int, int]) -> None:
        count, newest = self._between.pop(two)
        self.late += number < newest
        if count > 1:
            self._between[two] = count - 1, max(number, newest)

    def _forget_order(self, two: tuple[int, int]) -> None:
        count, newest = self._between.pop(two)
        if count > 1:
            self._between[two] = count - 1, newest
