"""Requests that wait until a link takes them, within a limit of memory. Pure."""

from ecm.limits import MAX_QUEUED_BYTES, QUEUED_REQUEST_SIZE
from ecm.upstream.pending import Pending


class RequestQueue:
    """Requests in the order in which they came: who waits, line and body."""

    def __init__(self) -> None:
        self._requests: dict[int, tuple[Pending, bytes, bytes]] = {}
        # About how many bytes of memory they take. Nothing is left of their heads.
        self.size = 0

    def __len__(self) -> int:
        return len(self._requests)

    def put(self, exchange: Pending, line: bytes, body: bytes) -> bool:
        """Let a request wait. Returns whether there is room for it."""
        size = _size(line, body)
        if self.size + size > MAX_QUEUED_BYTES:
            return False
        self._requests[exchange.id] = (exchange, line, body)
        self.size += size
        return True

    def remove(self, connection_id: int) -> bool:
        """Take out the request with this ID. Returns whether there was one."""
        request = self._requests.pop(connection_id, None)
        if request is None:
            return False
        _, line, body = request
        self.size -= _size(line, body)
        return True

    def take_all(self) -> list[tuple[Pending, bytes, bytes]]:
        """Empty the queue, and return the requests in their order."""
        requests, self._requests, self.size = self._requests, {}, 0
        return [*requests.values()]


def _size(line: bytes, body: bytes) -> int:
    return QUEUED_REQUEST_SIZE + len(line) + len(body)
