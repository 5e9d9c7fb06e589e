"""Requests that wait until a link takes them, within limits of memory and time. Pure."""

from ecm.limits import (
    MAX_QUEUED_BYTES,
    QUEUED_HIGH_WATER,
    QUEUED_LOW_WATER,
    QUEUED_REQUEST_SIZE,
)
from ecm.upstream.pending import Pending

# Who waits, line and body, and since when.
Waiting = tuple[Pending, bytes, bytes, float]


class RequestQueue:
    """Requests in the order in which they came."""

    def __init__(self) -> None:
        self._requests: dict[int, Waiting] = {}
        # About how many bytes of memory they take. Nothing is left of their heads.
        self.size = 0
        # Whether the front end should read no more: above the high-water mark, until the low one.
        self.is_full = False

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, exchange: Pending, line: bytes, body: bytes, now: float) -> bool:
        """Let a request wait. Returns whether there is room for it."""
        size = _size(line, body)
        if self.size + size > MAX_QUEUED_BYTES:
            return False
        self._requests[exchange.id] = (exchange, line, body, now)
        self._add(size)
        return True

    def remove(self, connection_id: int) -> bool:
        """Take out the request with this ID. Returns whether there was one."""
        request = self._requests.pop(connection_id, None)
        if request is None:
            return False
        self._add(-_size(request[1], request[2]))
        return True

    def take_before(self, since: float) -> list[Waiting]:
        """Take out the requests that have waited since then, or for longer."""
        taken = []
        for request in self._requests.values():
            if request[3] > since:
                break
            taken.append(request)
        for request in taken:
            self.remove(request[0].id)
        return taken

    def take_all(self) -> list[Waiting]:
        """Empty the queue, and return the requests in their order."""
        requests, self._requests = self._requests, {}
        self._add(-self.size)
        return [*requests.values()]

    def _add(self, size: int) -> None:
        self.size += size
        mark = QUEUED_LOW_WATER if self.is_full else QUEUED_HIGH_WATER
        self.is_full = self.size > mark * MAX_QUEUED_BYTES


def _size(line: bytes, body: bytes) -> int:
    return QUEUED_REQUEST_SIZE + len(line) + len(body)
