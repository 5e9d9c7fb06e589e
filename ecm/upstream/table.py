"""The connection table of one link: who waits for what comes over it. Pure.

It holds an exchange for each ID that is in flight on the link, and nothing for a connection that is
idle. An exchange has one answer, and leaves the table with it. Streams, which stay for many
messages, have a table of their own (ecm.upstream.streams).

An ID names one connection; it is used again only when the answer to its last request has come, so
that no answer is ever taken for another's.
"""

from collections.abc import Iterator

from ecm.limits import MAX_CONTENT
from ecm.metrics import Metrics
from ecm.upstream.parts import PartialAnswers
from ecm.upstream.pending import NOT_UNDERSTOOD, Pending
from ecm.upstream.returned import Returned, returned


class ConnectionTable:
    """The exchanges in flight on one link, by ID.

    Answers in parts have at most ``max_content`` bytes.
    """

    def __init__(self, metrics: Metrics, max_content: int = MAX_CONTENT) -> None:
        self._metrics = metrics
        self._exchanges: dict[int, Pending] = {}
        self._partial = PartialAnswers(metrics, max_content)

    def __len__(self) -> int:
        return len(self._exchanges)

    def __contains__(self, connection_id: int) -> bool:
        return connection_id in self._exchanges

    def add(self, exchange: Pending) -> None:
        """Note that the request of an exchange is sent."""
        self._exchanges[exchange.id] = exchange
        self._metrics.requests += 1

    def remove(self, connection_id: int) -> bool:
        """Let nobody wait under an ID any more. Returns whether somebody did."""
        self._partial.forget(connection_id)
        return self._exchanges.pop(connection_id, None) is not None

    def answer(
        self, connection_id: int, status: int, body: bytes, content_type: str | None = None
    ) -> None:
        """Give an answer to the exchange that waits for it. Without one, it is an orphan."""
        exchange = self._exchanges.pop(connection_id, None)
        if exchange is None:
            self._metrics.orphaned += 1
            return
        self._metrics.answers += 1
        exchange.answered(status, body, content_type)

    def part(self, connection_id: int, part: bytes) -> str:
        """Take a part of an answer, of which more will come.

        Returns what is wrong with it, or an empty string.
        """
        exchange = self._exchanges.get(connection_id)
        if exchange is None:
            self._metrics.orphaned += 1
            return ""
        self._exchanges[connection_id], fault = self._partial.add(exchange, part)
        return fault

    def drop(self, connection_id: int) -> None:
        """Drop the client that waits under this ID, if there is one."""
        exchange = self._exchanges.pop(connection_id, None)
        if exchange is not None:
            exchange.dropped()

    def take(self, connection_id: int) -> Pending | None:
        """Let an exchange go whose answer will come over another link. It may have gone before.

        What has come of an answer is void.
        """
        exchange = self._exchanges.pop(connection_id, None)
        whole = self._partial.forget(connection_id)
        return exchange if whole is None else whole

    def redirect(self, connection_id: int) -> Returned | None:
        """The same, as ejabberd says."""
        exchange = self.take(connection_id)
        if exchange is None:
            self._metrics.orphaned += 1
            return None
        return returned(exchange)

    def fail(self, connection_id: int) -> None:
        """Refuse a request that was not understood, or whose answer was not."""
        self._metrics.failed += 1
        exchange = self._exchanges.pop(connection_id, None)
        if exchange is not None:
            exchange.rejected(NOT_UNDERSTOOD)

    def __iter__(self) -> Iterator[Pending]:
        """The exchanges in flight, in the order in which their requests were sent."""
        return iter(self._exchanges.values())

    def take_all(self) -> list[Pending]:
        """Give up all exchanges in flight, whose answers will not come, and return them."""
        lost, self._exchanges = self._exchanges, {}
        self._metrics.lost += len(lost)
        return [*lost.values()]
