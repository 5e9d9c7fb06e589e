"""What the operator has said of the link, and of clients' connections."""

from enum import Enum

import attrs

from ecm.http.client_address import Proxies
from ecm.http.cors import Cors
from ecm.limits import (
    LINK_TIMEOUT,
    MAX_CONTENT,
    MAX_PACKET,
    MAX_QUEUE,
    PING_INTERVAL,
    ClientLimits,
)


class Protocol(Enum):
    """What is spoken on the link."""

    PLAIN = "plain"
    TYPED = "typed"


@attrs.frozen
class LinkSettings:
    """Bytes and seconds."""

    protocol: Protocol = Protocol.TYPED
    secret: bytes | None = None
    max_packet: int = MAX_PACKET
    max_content: int = MAX_CONTENT
    max_queue: int = MAX_QUEUE
    ping_interval: int = PING_INTERVAL
    link_timeout: int = LINK_TIMEOUT


@attrs.frozen
class ClientSettings:
    """``paths`` are those that take BOSH, exactly as they are there."""

    paths: frozenset[bytes]
    limits: ClientLimits = ClientLimits()
    cors: Cors = Cors()
    proxies: Proxies = Proxies()


@attrs.frozen
class EcmSettings:
    """All that one ECM has to know. Endpoints are strings as Twisted has them."""

    listen: tuple[str, ...]
    proxy_protocol: tuple[str, ...]
    upstream: str
    link: LinkSettings
    clients: ClientSettings
    www: str | None
    queue_timeout: int
    drain_timeout: int
