"""Settings of a link."""

from enum import Enum

import attrs

from ecm.limits import LINK_TIMEOUT, MAX_CONTENT, MAX_PACKET, MAX_QUEUE, PING_INTERVAL


class LinkMode(Enum):
    """The contents that packets of a link have: typed, or nothing but bodies."""

    PLAIN = "plain"
    TYPED = "typed"


@attrs.frozen
class LinkSettings:
    """Bytes and seconds.

    ``secret`` is known to both ends, or None where there is none. ``max_packet`` is for both
    directions, ``max_content`` for an answer in parts, ``max_queue`` for what waits to be sent.
    """

    mode: LinkMode = LinkMode.TYPED
    secret: bytes | None = None
    max_packet: int = MAX_PACKET
    max_content: int = MAX_CONTENT
    max_queue: int = MAX_QUEUE
    ping_interval: int = PING_INTERVAL
    link_timeout: int = LINK_TIMEOUT
