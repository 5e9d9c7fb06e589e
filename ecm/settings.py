"""What the operator has said of the link, and of clients' connections."""

import attrs

from ecm.http.client_address import Proxies
from ecm.http.cors import Cors
from ecm.limits import ClientLimits
from ecm.link.settings import LinkSettings


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
