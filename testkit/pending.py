"""An exchange that notes what becomes of it."""

from ecm.upstream.pending import Pending


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
