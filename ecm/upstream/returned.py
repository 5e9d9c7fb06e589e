"""Requests that ejabberd has given back, because the session is on another node. Pure."""

from ecm.upstream.pending import Pending


class Returned:
    """Stands in for a pending request, from the first time that it comes back to its answer.

    ``times`` is how often it has come back.
    """

    __slots__ = ("_pending", "id", "times")

    def __init__(self, pending: Pending) -> None:
        self.id = pending.id
        self.times = 0
        self._pending = pending

    def renamed(self, connection_id: int) -> None:
        self.id = connection_id
        self._pending.renamed(connection_id)

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        self._pending.answered(status, body, content_type)

    def rejected(self, why: str) -> None:
        self._pending.rejected(why)

    def dropped(self) -> None:
        self._pending.dropped()

    def release(self) -> None:
        self._pending.release()


def returned(pending: Pending) -> Returned:
    """Return what stands for a request that has come back once more."""
    again = pending if isinstance(pending, Returned) else Returned(pending)
    again.times += 1
    return again
