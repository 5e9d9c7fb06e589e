"""The operator's settings of the front end."""

import attrs

from ecm.http.client_address import TrustedProxies
from ecm.http.cors import Cors
from ecm.http.request import RequestLimits
from ecm.limits import (
    BODY_TIMEOUT,
    HEADER_TIMEOUT,
    IDLE_TIMEOUT,
    MAX_BUFFERED,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS,
    SEND_TIMEOUT,
)


@attrs.frozen
class FrontendSettings:
    """Paths, limits and times of clients' connections: bytes, numbers and seconds.

    ``paths`` are those that take BOSH, byte for byte.
    """

    paths: frozenset[bytes]
    request: RequestLimits = RequestLimits()
    max_buffered: int = MAX_BUFFERED
    max_connections: int = MAX_CONNECTIONS
    max_connections_per_address: int = MAX_CONNECTIONS_PER_ADDRESS
    header_timeout: int = HEADER_TIMEOUT
    body_timeout: int = BODY_TIMEOUT
    send_timeout: int = SEND_TIMEOUT
    idle_timeout: int = IDLE_TIMEOUT
    cors: Cors = Cors()
    proxies: TrustedProxies = TrustedProxies()
