"""Requests whose time and size are taken: one of many, for which it costs nobody anything."""

from typing import TYPE_CHECKING

from ecm.metrics import EXCHANGE_BOUNDS, SAMPLED

if TYPE_CHECKING:
    from ecm.frontend.bosh import BoshExchange


class TimedExchange:
    """Stands in for an exchange that waits upstream, from its request to its answer."""

    __slots__ = ("_began", "_exchange", "_registry", "id")

    def __init__(self, exchange: "BoshExchange", size: int) -> None:
        """``size`` is that of the request in bytes."""
        self.id = exchange.id
        self._exchange = exchange
        self._registry = exchange.connection.registry
        self._began = self._registry.clock.seconds()
        self._registry.metrics.request_bytes += SAMPLED * size

    def renamed(self, connection_id: int) -> None:
        self.id = connection_id
        self._exchange.renamed(connection_id)

    def answered(self, status: int, body: bytes, content_type: str | None) -> None:
        metrics = self._registry.metrics
        metrics.exchanges.observe(self._registry.clock.seconds() - self._began, EXCHANGE_BOUNDS)
        metrics.response_bytes += SAMPLED * len(body)
        self._exchange.answered(status, body, content_type)

    def rejected(self, why: str) -> None:
        self._exchange.rejected(why)

    def dropped(self) -> None:
        self._exchange.dropped()

    def release(self) -> None:
        self._exchange.release()
