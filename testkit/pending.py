"""Exchanges and streams that note what becomes of them."""

from ecm.upstream.pending import Pending
from ecm.upstream.stream import Stream


class NotedExchange(Pending):
    """``got`` has an answer as a tuple, the reason of a refusal, and None for a drop."""

    def __init__(self, id: int) -> None:
        self.id = id
        self.got: list[object] = []
        self.released = 0

    def renamed(self, connection_id: int) -> None:
        self.id = connection_id

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        self.got.append((status, body, content_type))

    def rejected(self, why: str) -> None:
        self.got.append(why)

    def dropped(self) -> None:
        self.got.append(None)

    def release(self) -> None:
        self.released += 1


class NotedStream(Stream):
    """``got`` has messages as they are, None for more credit, an end as a tuple, or a refusal.

    An empty tuple stands for the last word of ejabberd.
    """

    def __init__(self, id: int) -> None:
        self.id = id
        self.sent = self.owed = 0
        self.got: list[object] = []
        self.released = 0

    def received(self, message: bytes) -> None:
        self.got.append(message)

    def more(self) -> None:
        self.got.append(None)

    def left(self) -> None:
        self.got.append(())

    def closed(self, reason: str, status: int | None) -> None:
        self.got.append((reason, status))

    def rejected(self, why: str) -> None:
        self.got.append(why)

    def release(self) -> None:
        self.released += 1
