"""What the operator has said of one ECM."""

import attrs

from ecm.frontend.settings import FrontendSettings
from ecm.link.settings import LinkSettings


@attrs.frozen
class EcmSettings:
    """All that one ECM has to know. Endpoints are strings as Twisted has them."""

    listen: tuple[str, ...]
    proxy_protocol: tuple[str, ...]
    upstream: str
    link: LinkSettings
    clients: FrontendSettings
    www: str | None
    queue_timeout: int
    drain_timeout: int

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All endpoints for clients, in the order of ``Server.factories``."""
        return self.listen + self.proxy_protocol
