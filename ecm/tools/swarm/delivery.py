"""Delivery of the messages of a process: each must arrive exactly once. Pure."""

import re

_MARK = b"swarm"


class Delivery:
    """A number in its text identifies a message; ``run`` distinguishes it from other runs'.

    ``twice`` counts duplicates, ``astray`` arrivals at another user, including a bounce to the
    sender.
    """

    def __init__(self, run: str) -> None:
        self._mark = b"%b:%b:" % (_MARK, run.encode())
        self._text = re.compile(b">%b([0-9]{1,18}):([0-9]{1,18})<" % self._mark)
        self._under_way: dict[int, float] = {}  # the time at which each was sent
        self.sent = self.arrived = self.twice = self.astray = 0

    @property
    def missing(self) -> int:
        return len(self._under_way)

    def missing_since(self, then: float) -> int:
        """Return how many missing messages were sent before this time."""
        old = 0
        for sent in self._under_way.values():  # in the order of sending
            if sent >= then:
                break
            old += 1
        return old

    def text(self, receiver: int, now: float) -> bytes:
        """Return the text of a new message to the user of this number."""
        number = self.sent
        self.sent += 1
        self._under_way[number] = now
        return b"%b%d:%d" % (self._mark, number, receiver)

    def arrivals(self, body: bytes, receiver: int, now: float) -> list[float]:
        """Find messages in an answer to this user; return the latencies of new arrivals."""
        took = []
        for number, meant in self._text.findall(body):
            if int(meant) != receiver:
                self.astray += 1
            elif (sent := self._under_way.pop(int(number), None)) is None:
                self.twice += 1
            else:
                self.arrived += 1
                took.append(now - sent)
        return took
