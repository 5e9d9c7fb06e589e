"""The messages of a process: which are under way, and whether each arrives once. Pure."""

import re

_MARK = b"swarm"


class Mail:
    """Messages are told by a number in their text; ``run`` tells them from those of another run.

    ``twice`` counts arrivals of what had arrived, ``astray`` those at somebody else, an error that
    comes back to the sender among them.
    """

    def __init__(self, run: str) -> None:
        self._mark = b"%b:%b:" % (_MARK, run.encode())
        self._text = re.compile(b">%b([0-9]{1,18}):([0-9]{1,18})<" % self._mark)
        self._under_way: dict[int, float] = {}  # when each was sent
        self.sent = self.arrived = self.twice = self.astray = 0

    @property
    def missing(self) -> int:
        return len(self._under_way)

    def missing_since(self, then: float) -> int:
        """Return how many of those that are missing were sent before this time."""
        old = 0
        for sent in self._under_way.values():  # in the order in which they were sent
            if sent >= then:
                break
            old += 1
        return old

    def text(self, receiver: int, now: float) -> bytes:
        """Return the text of a new message to a user of this number."""
        number = self.sent
        self.sent += 1
        self._under_way[number] = now
        return b"%b%d:%d" % (self._mark, number, receiver)

    def arrivals(self, body: bytes, receiver: int, now: float) -> list[float]:
        """Look for messages in an answer to this user; return how long those took that have now
        arrived."""
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
