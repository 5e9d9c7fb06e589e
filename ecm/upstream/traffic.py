"""The traffic of a link: its packets and bytes, which are counted for other ends anyway."""

from ecm.metrics import Metrics
from ecm.upstream.link import Link


def count_traffic(link: Link, metrics: Metrics) -> None:
    """Add all that has gone over a link since it is up. Packets sent again count once."""
    outbox, receipts = link.queue.outbox, link.receipts
    metrics.packets["sent"] += outbox.last_sent + len(outbox.waiting)
    metrics.packets["received"] += receipts.number
    metrics.traffic["sent"] += outbox.left + outbox.size
    metrics.traffic["received"] += receipts.before + receipts.size
