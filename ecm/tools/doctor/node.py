"""A node of ejabberd, as it has answered."""

import attrs

from ecm.link.handshake import STREAMS
from ecm.tools.doctor.plan import Transport


@attrs.frozen
class Node:
    """``fault`` says why it has not answered, or not as a mod_ecm does."""

    address: str
    instance: str = ""
    features: tuple[str, ...] = ()
    fault: str = ""

    def takes(self, transport: Transport) -> bool:
        return not self.fault and (transport is Transport.BOSH or STREAMS in self.features)
