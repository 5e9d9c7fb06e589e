"""The exposition of the metrics of an ECM, in the format that the scraper asks for."""

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from ecm.exposition.collector import EcmCollector
from ecm.operated import Operated


class Exposition:
    """Writes the metrics of an ECM; with ``per_worker``, those of each worker."""

    def __init__(self, ecm: Operated, per_worker: bool = False) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(EcmCollector(ecm, per_worker))

    def render(self, accept: str) -> tuple[str, bytes]:
        """Return the Content-Type and the text, for what a scraper accepts.

        OpenMetrics where it asks for that, otherwise the text format of Prometheus.
        """
        encode, content_type = choose_encoder(accept)
        return content_type, encode(self._registry)
