"""The census of the connections of clients: how many speak what, and what they wait for."""

from collections import Counter
from operator import attrgetter
from typing import Final

from ecm.frontend.connection import Phase
from ecm.frontend.registry import Registry
from ecm.status.snapshot import Connections

# The names of the phases.
NAMES: Final = {
    Phase.IDLE: "idle",
    Phase.HEAD: "head",
    Phase.BODY: "body",
    Phase.HELD: "held",
    Phase.SENDING: "sending",
    Phase.CLOSING: "closing",
    Phase.HANDSHAKE: "handshake",
    Phase.HALF_CLOSED: "half_closed",
}


def census(registry: Registry) -> Connections:
    """Return the numbers at this moment.

    Those that are held may be very many. They are not looked at: they are the ones without a time.
    """
    phases = Counter(map(attrgetter("phase"), registry.timed))
    everybody = len(registry) + len(registry.rejected)
    phases[Phase.HELD] += everybody - len(registry.timed)
    states = {name: phases[phase] for phase, name in NAMES.items() if phases[phase] > 0}
    speaking = {name: number for name, number in registry.speaking.items() if number}
    return Connections(
        open=len(registry),
        limit=registry.settings.max_connections,
        by_transport=speaking,
        by_state=states,
    )
