"""What the operator has said of clients' connections."""

import attrs

from ecm.cors import Cors
from ecm.limits import ClientLimits
from ecm.source import Proxies


@attrs.frozen
class ClientSettings:
    """``paths`` are those that take BOSH, exactly as they are there."""

    paths: frozenset[bytes]
    limits: ClientLimits = ClientLimits()
    cors: Cors = Cors()
    proxies: Proxies = Proxies()
